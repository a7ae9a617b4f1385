"""`mounts` and their options (config.md, "Linux mount options"; mount(8)).

Each option is applied to each kind of mount, or refused by its name: `tests/unit/test_plan_mounts.py` has the table.
"""

from __future__ import annotations

from pyoci.errors import ConfigError, UnsupportedError
from pyoci.kernel import uapi
from pyoci.plan import paths
from pyoci.plan.namespaces import mappings
from pyoci.record import Record
from pyoci.wire.plan import Mount, Namespaces, UserNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# option -> (MS_* flag, whether it is set or cleared). They are added up as mount(2) takes them, since `noatime` and its
# kin say different things together than one by one.
_FLAGS = {
    "ro": (uapi.MS_RDONLY, True),
    "rw": (uapi.MS_RDONLY, False),
    "nosuid": (uapi.MS_NOSUID, True),
    "suid": (uapi.MS_NOSUID, False),
    "nodev": (uapi.MS_NODEV, True),
    "dev": (uapi.MS_NODEV, False),
    "noexec": (uapi.MS_NOEXEC, True),
    "exec": (uapi.MS_NOEXEC, False),
    "nodiratime": (uapi.MS_NODIRATIME, True),
    "diratime": (uapi.MS_NODIRATIME, False),
    "nosymfollow": (uapi.MS_NOSYMFOLLOW, True),
    "symfollow": (uapi.MS_NOSYMFOLLOW, False),
    "noatime": (uapi.MS_NOATIME, True),
    "atime": (uapi.MS_NOATIME, False),
    "relatime": (uapi.MS_RELATIME, True),
    "norelatime": (uapi.MS_RELATIME, False),
    "strictatime": (uapi.MS_STRICTATIME, True),
    "nostrictatime": (uapi.MS_STRICTATIME, False),
}
# MOUNT_ATTR_* has the same numbers for these.
_SAME_ATTRIBUTES = uapi.MS_RDONLY | uapi.MS_NOSUID | uapi.MS_NODEV | uapi.MS_NOEXEC
# A bind mount with any flag clears those of these that no option sets. So they are those of Linux 5.14 only: an older
# kernel refuses the whole call for one that it does not know.
_EVERY_ATTRIBUTE = _SAME_ATTRIBUTES | uapi.MOUNT_ATTR_NOSYMFOLLOW
_ATIME_FLAGS = uapi.MS_NOATIME | uapi.MS_NODIRATIME | uapi.MS_RELATIME | uapi.MS_STRICTATIME

# the r* options: (MOUNT_ATTR_* to set, to clear), applied to the whole tree (mount_setattr(2), AT_RECURSIVE)
_RECURSIVE = {
    "rro": (uapi.MOUNT_ATTR_RDONLY, 0),
    "rrw": (0, uapi.MOUNT_ATTR_RDONLY),
    "rnosuid": (uapi.MOUNT_ATTR_NOSUID, 0),
    "rsuid": (0, uapi.MOUNT_ATTR_NOSUID),
    "rnodev": (uapi.MOUNT_ATTR_NODEV, 0),
    "rdev": (0, uapi.MOUNT_ATTR_NODEV),
    "rnoexec": (uapi.MOUNT_ATTR_NOEXEC, 0),
    "rexec": (0, uapi.MOUNT_ATTR_NOEXEC),
    "rnodiratime": (uapi.MOUNT_ATTR_NODIRATIME, 0),
    "rdiratime": (0, uapi.MOUNT_ATTR_NODIRATIME),
    "rnosymfollow": (uapi.MOUNT_ATTR_NOSYMFOLLOW, 0),
    "rsymfollow": (0, uapi.MOUNT_ATTR_NOSYMFOLLOW),
    "rnoatime": (uapi.MOUNT_ATTR_NOATIME, uapi.MOUNT_ATTR__ATIME),
    "ratime": (uapi.MOUNT_ATTR_RELATIME, uapi.MOUNT_ATTR__ATIME),
    "rrelatime": (uapi.MOUNT_ATTR_RELATIME, uapi.MOUNT_ATTR__ATIME),
    "rnorelatime": (uapi.MOUNT_ATTR_RELATIME, uapi.MOUNT_ATTR__ATIME),
    "rstrictatime": (uapi.MOUNT_ATTR_STRICTATIME, uapi.MOUNT_ATTR__ATIME),
    "rnostrictatime": (uapi.MOUNT_ATTR_RELATIME, uapi.MOUNT_ATTR__ATIME),
}

_PROPAGATION = {
    "shared": (uapi.MS_SHARED, False),
    "rshared": (uapi.MS_SHARED, True),
    "slave": (uapi.MS_SLAVE, False),
    "rslave": (uapi.MS_SLAVE, True),
    "private": (uapi.MS_PRIVATE, False),
    "rprivate": (uapi.MS_PRIVATE, True),
    "unbindable": (uapi.MS_UNBINDABLE, False),
    "runbindable": (uapi.MS_UNBINDABLE, True),
}

# uapi.SUPERBLOCK_FLAGS and their opposites, except "ro", which is first a flag of the mount (_complete_filesystem)
_SUPERBLOCK = tuple(name for name in uapi.SUPERBLOCK_FLAGS if name not in _FLAGS)
_SUPERBLOCK_CLEAR = {"async": "sync", "nolazytime": "lazytime"}

# flags that only mount(2) knows, and their opposites
_CLASSIC = {"iversion": uapi.MS_I_VERSION, "mand": uapi.MS_MANDLOCK}
_CLASSIC_CLEAR = {"noiversion": uapi.MS_I_VERSION, "nomand": uapi.MS_MANDLOCK}

# Nothing is printed by fsconfig(2), which keeps its messages for the caller: both are always so.
_NO_EFFECT = ("defaults", "silent", "loud")

_WORDS = ("bind", "rbind", "remount", "tmpcopyup", "idmap", "ridmap")

# crun's (crun(1)), which containers/common passes on
_LINKS = ("copy-symlink", "src-nofollow", "dest-nofollow")

# podman leaves these in the options of its volumes, after it has done what they say (tests/engines/test_podman.py)
_DONE_BY_ENGINE = ("copy", "nocopy")

# crun takes these and applies them to nothing: they are the file system's, and mount_setattr(2) has none of them
_NOT_RECURSIVE = ("rsync", "rasync", "rdirsync", "rmand", "rnomand", "riversion", "rnoiversion", "rlazytime")

_OF_MOUNTS = (*_FLAGS, *_RECURSIVE, *_PROPAGATION)
_OF_FILE_SYSTEMS = (*_SUPERBLOCK, *_SUPERBLOCK_CLEAR, *_CLASSIC, *_CLASSIC_CLEAR)
OPTIONS = tuple(sorted((*_OF_MOUNTS, *_OF_FILE_SYSTEMS, *_NO_EFFECT, *_WORDS, *_LINKS)))

# Their superblock belongs to the kernel or to the namespace: "ro" is a matter of the mount alone. To some of them there
# is one superblock on a machine, and "ro" would change the host's mount.
_PSEUDO = (
    *("proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "ramfs", "hugetlbfs", "devtmpfs"),
    *("debugfs", "tracefs", "securityfs", "configfs", "bpf", "pstore", "efivarfs", "binfmt_misc", "fusectl"),
    *("selinuxfs", "smackfs", "resctrl", "rpc_pipefs", "nfsd", "autofs"),
)


# A mount of these shows a superblock that is there already: flags and options for it are silently dropped by the
# kernel, or change the mount of the host (debugfs, tracefs: fs/debugfs/inode.c, debugfs_get_tree).
_SUPERBLOCK_OF = {
    "mqueue": "it belongs to the IPC namespace",
    "sysfs": "it belongs to the network namespace",
    "cgroup2": "it belongs to all groups of the hierarchy",
    **dict.fromkeys(
        (
            *("configfs", "debugfs", "devtmpfs", "efivarfs", "fusectl", "pstore", "resctrl", "securityfs"),
            *("selinuxfs", "smackfs", "tracefs"),
        ),
        "the host has one for all of its mounts",
    ),
}
# The options of file systems that drop others silently (fs/ramfs/inode.c, ramfs_parse_param; kernel/bpf/inode.c)
_DATA_OF = {
    "bpf": ("uid", "gid", "mode", "delegate_cmds", "delegate_maps", "delegate_progs", "delegate_attachs"),
    "ramfs": ("mode",),
}


class _Options(Record):
    """The options of one entry, before it is known what they mean for its kind of mount."""

    flags: int = 0
    cleared: int = 0
    other_flags: bool = False  # an opposite of a superblock's flag: for runc a flag as others
    recursive_set: int = 0
    recursive_clear: int = 0
    propagation: tuple[tuple[int, bool], ...] = ()
    superblock: tuple[str, ...] = ()
    classic_flags: int = 0
    words: tuple[str, ...] = ()
    idmap: str = ""
    idmap_ranges: str = ""
    data: tuple[tuple[str, str | None], ...] = ()


def plan(entries: list[dict[str, Any]] | None, bundle: str, namespaces: Namespaces) -> list[Mount]:
    """Raises ConfigError and UnsupportedError, with the place in config.json."""
    planned: list[Mount] = []
    superblocks: dict[int, tuple[str, ...]] = {}  # flags of those that were remounted
    for index, entry in enumerate(entries or ()):
        mount = one(entry, f"/mounts/{index}", bundle, namespaces)
        if mount.kind in ("remount", "change"):
            _find_changed(mount, planned)
            if mount.kind == "remount" and not _is_bind(entry) and mount.changes >= 0:
                _complete_remount(mount, planned[mount.changes], superblocks)
        planned.append(mount)
    return planned


def _is_bind(entry: dict[str, Any]) -> bool:
    words = [word for option in entry.get("options") or () for word in split(option)]
    return "bind" in words or "rbind" in words


def _complete_remount(mount: Mount, earlier: Mount, superblocks: dict[int, tuple[str, ...]]) -> None:
    if earlier.kind != "filesystem":
        return
    from pyoci.plan import remount

    flags = superblocks.get(mount.changes, earlier.superblock)
    superblocks[mount.changes] = remount.complete(mount, earlier, flags, _PSEUDO)


def one(entry: dict[str, Any], where: str, bundle: str, namespaces: Namespaces) -> Mount:
    """The mount of a single entry; `where` is its place, for messages."""
    options = _read(entry.get("options") or (), where)
    mount = Mount(
        kind=_kind(entry, options),
        destination=paths.clean(entry["destination"]),
        source=entry.get("source") or "",
        fstype=entry.get("type") or "",
        recursive="rbind" in options.words,
        recursive_set=options.recursive_set,
        recursive_clear=options.recursive_clear,
        propagation=options.propagation,
        superblock=options.superblock,
        classic_flags=options.classic_flags,
        data=options.data,
        tmpcopyup="tmpcopyup" in options.words,
        idmap=options.idmap,
        idmap_mappings=_idmap_mappings(entry, options, where, namespaces),
    )
    mount.idmap = mount.idmap or ("idmap" if mount.idmap_mappings is not None else "")
    _refuse_what_does_not_fit(mount, options, where)
    _set_attributes(mount, options)
    if mount.kind == "bind":
        _complete_bind(mount, options, where, bundle)
    elif mount.kind == "filesystem":
        _complete_filesystem(mount, where, namespaces)
    return mount


def split(option: str) -> list[str]:
    """Several options in one string, as mount(2) takes them: a comma in double quotes (`context="a:b:c0,c1"`) or after
    a backslash (overlay) does not separate; the quotes themselves go.
    """
    parts, start, quoted = [], 0, False
    for position, character in enumerate(option):
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted and option[position - 1 : position] != "\\":
            parts.append(option[start:position])
            start = position + 1
    return [part.replace('"', "") for part in (*parts, option[start:]) if part]


def _read(texts: Any, where: str) -> _Options:
    options = _Options()
    for text in texts:
        for option in [text] if text and "," not in text and '"' not in text else split(text):
            if option in _NOT_RECURSIVE:
                raise UnsupportedError(
                    f"{where}/options: {option!r} cannot be applied: {option[1:]} is a property of a file system, "
                    "not of the mounts below a folder"
                )
            if not _take(options, option):
                key, equals, value = option.partition("=")
                options.data += ((key, value if equals else None),)
    return options


def _take(options: _Options, option: str) -> bool:
    """Note what `option` asks for; False when it is the file system's own."""
    if option in _FLAGS:
        flag, is_set = _FLAGS[option]
        options.flags = options.flags | flag if is_set else options.flags & ~flag
        options.cleared = options.cleared & ~flag if is_set else options.cleared | flag
    elif option in _RECURSIVE:
        set_, clear = _RECURSIVE[option]
        options.recursive_set = options.recursive_set & ~clear | set_
        options.recursive_clear = options.recursive_clear & ~set_ | clear
    elif option in _PROPAGATION:
        options.propagation += (_PROPAGATION[option],)
    elif option in _SUPERBLOCK:
        options.superblock = (*(flag for flag in options.superblock if flag != option), option)
    elif option in _SUPERBLOCK_CLEAR:
        options.superblock = tuple(flag for flag in options.superblock if flag != _SUPERBLOCK_CLEAR[option])
        options.other_flags = True
    elif option in _CLASSIC:
        options.classic_flags |= _CLASSIC[option]
    elif option in _CLASSIC_CLEAR:
        options.classic_flags &= ~_CLASSIC_CLEAR[option]
        options.other_flags = True
    elif option.partition("=")[0] in ("idmap", "ridmap"):
        options.idmap, _, options.idmap_ranges = option.partition("=")
    elif option in _WORDS or option in _LINKS or option in _DONE_BY_ENGINE:
        options.words += (option,)
    else:
        return option in _NO_EFFECT
    return True


def _kind(entry: dict[str, Any], options: _Options) -> str:
    if "remount" in options.words:
        return "remount"
    if "bind" in options.words or "rbind" in options.words or entry.get("type") == "bind":
        return "bind"
    if entry.get("type") == "cgroup":
        return "cgroup"
    if options.propagation and options == _Options(propagation=options.propagation) and _is_nothing_new(entry):
        return "change"
    return "filesystem"


def _is_nothing_new(entry: dict[str, Any]) -> bool:
    """Neither a file system nor a source: `mount --make-private DIR` (mount(8)) has none of them either."""
    nothing = (None, "", "none")
    return entry.get("type") in nothing and entry.get("source") in nothing


def _refuse_what_does_not_fit(mount: Mount, options: _Options, where: str) -> None:
    """An option that this kind of mount cannot have is an error: a mount without it is not what was asked for."""
    place = f"{where}/options"
    is_bind = mount.kind == "bind" or (mount.kind == "remount" and {"bind", "rbind"} & set(options.words))
    if is_bind or mount.kind == "cgroup":
        name = "a bind mount" if is_bind else "a cgroup mount"
        for key, value in mount.data:
            from pyoci.spec.words import did_you_mean

            option = key if value is None else f"{key}={value}"
            hint = did_you_mean(key, OPTIONS)
            raise ConfigError(
                f"{place}: {option[:80]!r} cannot be applied to {name}: only a new file system takes its options{hint}"
            )
        classic = [word for word, flag in _CLASSIC.items() if mount.classic_flags & flag]
        for word in (*mount.superblock, *classic):
            raise ConfigError(f"{place}: {word!r} cannot be applied to {name}: it is a property of a new file system")
    if mount.kind == "filesystem" and (mount.fstype in _SUPERBLOCK_OF or mount.fstype in _DATA_OF):
        _refuse_what_is_dropped(mount, place)
    if mount.kind == "remount" and mount.classic_flags:
        word = next(word for word, flag in _CLASSIC.items() if mount.classic_flags & flag)
        raise UnsupportedError(f"{place}: {word!r} cannot be changed by a remount")
    if mount.tmpcopyup and (mount.kind != "filesystem" or mount.fstype != "tmpfs"):
        raise ConfigError(f"{place}: tmpcopyup needs a new mount of type tmpfs, not {_described(mount)}")
    if mount.idmap and mount.kind != "bind":
        raise ConfigError(f"{place}: {mount.idmap} needs a bind mount, not {_described(mount)}")
    for word in options.words:
        if word in (*_LINKS, *_DONE_BY_ENGINE) and mount.kind != "bind":
            raise ConfigError(f"{place}: {word} needs a bind mount, not {_described(mount)}")


def _refuse_what_is_dropped(mount: Mount, place: str) -> None:
    """By the kernel, which has no error for it: see `_SUPERBLOCK_OF` and `_DATA_OF`."""
    # a label is the security module's
    words = [key if value is None else f"{key}={value}" for key, value in mount.data if not key.endswith("context")]
    if mount.fstype in _SUPERBLOCK_OF:
        why = _SUPERBLOCK_OF[mount.fstype]
        words += (*mount.superblock, *(word for word, flag in _CLASSIC.items() if mount.classic_flags & flag))
    else:
        known = _DATA_OF[mount.fstype]
        why = f"its options are {', '.join(known)}"
        words = [word for word in words if word.partition("=")[0] not in known]
    for word in words:
        raise ConfigError(f"{place}: {word[:80]!r} cannot be applied to a mount of type {mount.fstype}: {why}")


def _described(mount: Mount) -> str:
    """The kind of a mount, for messages."""
    if mount.kind == "filesystem":
        return f"a new mount of type {mount.fstype!r}"
    return {"bind": "a bind mount", "cgroup": "a cgroup mount", "remount": "a remount"}[mount.kind]


def _set_attributes(mount: Mount, options: _Options) -> None:
    """A new mount has no flags, a remount has those that it names and no other, as mount(2) does it.

    A bind mount keeps its source's, until its options name one: runc does so, and engines were written for it.
    """
    mount.cleared_by_name = options.cleared
    mount.attributes_set |= _attributes(options.flags)
    if options.flags & _ATIME_FLAGS:
        _set_access_times(mount, options.flags)
    if mount.kind in ("bind", "remount"):
        if options.flags or options.cleared or options.other_flags or options.superblock:
            mount.attributes_clear |= (_EVERY_ATTRIBUTE | _attributes(options.cleared)) & ~mount.attributes_set
    elif mount.kind == "cgroup":
        mount.attributes_clear |= _attributes(options.cleared)


def _attributes(flags: int) -> int:
    """MS_* as MOUNT_ATTR_*; those of access times are apart."""
    nosymfollow = uapi.MOUNT_ATTR_NOSYMFOLLOW if flags & uapi.MS_NOSYMFOLLOW else 0
    return flags & _SAME_ATTRIBUTES | nosymfollow


def _set_access_times(mount: Mount, flags: int) -> None:
    """As mount(2) reads the four flags (fs/namespace.c, path_mount): relatime by default, and one field for all."""
    if flags & uapi.MS_STRICTATIME:
        mount.attributes_set |= uapi.MOUNT_ATTR_STRICTATIME
    elif flags & uapi.MS_NOATIME:
        mount.attributes_set |= uapi.MOUNT_ATTR_NOATIME
    mount.attributes_clear |= uapi.MOUNT_ATTR__ATIME
    if flags & uapi.MS_NODIRATIME:
        mount.attributes_set |= uapi.MOUNT_ATTR_NODIRATIME
    elif mount.kind in ("bind", "remount"):
        mount.attributes_clear |= uapi.MOUNT_ATTR_NODIRATIME


def _complete_bind(mount: Mount, options: _Options, where: str, bundle: str) -> None:
    if not mount.source:
        raise ConfigError(f"{where}/source: a bind mount of {mount.destination} needs one")
    if not mount.source.startswith("/"):
        mount.source = f"{bundle}/{mount.source}"
    if "copy-symlink" in options.words:
        mount.source_link = "copy"
    elif "src-nofollow" in options.words:
        mount.source_link = "nofollow"
    mount.target_nofollow = "dest-nofollow" in options.words


def _complete_filesystem(mount: Mount, where: str, namespaces: Namespaces) -> None:
    if not mount.fstype or mount.fstype == "none":
        raise ConfigError(
            f"{where}/type: a mount of {mount.destination} needs the type of a file system, or the option bind"
        )
    if mount.fstype == "sysfs" and _sysfs_is_refused(namespaces):
        _bind_sysfs(mount, where)
        return
    read_only = bool(mount.attributes_set & ~mount.recursive_clear & uapi.MOUNT_ATTR_RDONLY)
    if mount.fstype == "tmpfs":
        # nothing is mounted below yet, so that rro is ro
        read_only |= bool(mount.recursive_set & uapi.MOUNT_ATTR_RDONLY)
        keys = [key for key, _ in mount.data]
        mount.mode_of_target = "mode" not in keys
        mount.owner_of_target = ("uid" not in keys, "gid" not in keys)
        mount.read_only_last = read_only
        mount.attributes_set &= ~uapi.MOUNT_ATTR_RDONLY
        mount.recursive_set &= ~uapi.MOUNT_ATTR_RDONLY
    elif read_only and mount.fstype not in _PSEUDO:
        mount.superblock += ("ro",)


def _sysfs_is_refused(namespaces: Namespaces) -> bool:
    """The kernel mounts a sysfs for whoever rules the network namespace that it shows (fs/sysfs/mount.c).

    The root of a user namespace does not rule a network namespace that was there before.
    """
    if "network" in namespaces.new:
        return False
    return "user" in namespaces.new or (namespaces.joins("user") and not namespaces.joins("network"))


def _bind_sysfs(mount: Mount, where: str) -> None:
    """The host's sysfs, which shows the same network, in place of a new one; crun does so, too.

    With all that is mounted below, since the kernel does not let a user namespace look beneath. The flags are for all
    of them: a cgroup file system of the host is among them (CVE-2023-25809).
    """
    if mount.data or mount.superblock or mount.classic_flags:
        raise ConfigError(f"{where}/options: a sysfs of the host's network namespace has no options of its own")
    mount.kind, mount.source, mount.recursive = "bind", "/sys", True
    mount.recursive_set |= mount.attributes_set
    mount.attributes_set = mount.attributes_clear = 0


def _find_changed(mount: Mount, planned: list[Mount]) -> None:
    """The mount that a remount means: the last one made there, whatever the path leads to when its turn comes."""
    for index in range(len(planned) - 1, -1, -1):
        earlier = planned[index]
        if earlier.destination == mount.destination and earlier.kind not in ("remount", "change"):
            earlier.changed_later = True
            mount.changes = index
            return


def _idmap_mappings(
    entry: dict[str, Any], options: _Options, where: str, namespaces: Namespaces
) -> UserNamespace | None:
    """`uidMappings` and `gidMappings` of the mount, or crun's `idmap=uids=...;gids=...`; None: the container's."""
    uid_mappings, gid_mappings = mappings(entry.get("uidMappings")), mappings(entry.get("gidMappings"))
    if not options.idmap_ranges:
        if not uid_mappings and not gid_mappings:
            return None
        return UserNamespace(uid_mappings=uid_mappings, gid_mappings=gid_mappings)
    if uid_mappings or gid_mappings:
        raise ConfigError(f"{where}/options: {options.idmap} has ranges, and so have uidMappings and gidMappings")
    from pyoci.plan import idmap_option

    return idmap_option.user_namespace(options.idmap, options.idmap_ranges, f"{where}/options", namespaces)
