"""`mounts` and their options (config.md, "Linux mount options"; mount(8))."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.kernel import uapi
from pyoci.plan.namespaces import mappings
from pyoci.wire.plan import Mount, UserNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# option -> (MOUNT_ATTR_* to set, to clear)
_ATTRIBUTES = {
    "ro": (uapi.MOUNT_ATTR_RDONLY, 0),
    "rw": (0, uapi.MOUNT_ATTR_RDONLY),
    "nosuid": (uapi.MOUNT_ATTR_NOSUID, 0),
    "suid": (0, uapi.MOUNT_ATTR_NOSUID),
    "nodev": (uapi.MOUNT_ATTR_NODEV, 0),
    "dev": (0, uapi.MOUNT_ATTR_NODEV),
    "noexec": (uapi.MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, uapi.MOUNT_ATTR_NOEXEC),
    "nodiratime": (uapi.MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, uapi.MOUNT_ATTR_NODIRATIME),
    "nosymfollow": (uapi.MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, uapi.MOUNT_ATTR_NOSYMFOLLOW),
    "noatime": (uapi.MOUNT_ATTR_NOATIME, uapi.MOUNT_ATTR__ATIME),
    "atime": (uapi.MOUNT_ATTR_RELATIME, uapi.MOUNT_ATTR__ATIME),
    "relatime": (uapi.MOUNT_ATTR_RELATIME, uapi.MOUNT_ATTR__ATIME),
    "norelatime": (uapi.MOUNT_ATTR_RELATIME, uapi.MOUNT_ATTR__ATIME),
    "strictatime": (uapi.MOUNT_ATTR_STRICTATIME, uapi.MOUNT_ATTR__ATIME),
    "nostrictatime": (uapi.MOUNT_ATTR_RELATIME, uapi.MOUNT_ATTR__ATIME),
}

# the r* options are the same, applied to the whole tree (mount_setattr(2), AT_RECURSIVE)
_RECURSIVE = {f"r{name}": value for name, value in _ATTRIBUTES.items()}

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

# flags of the superblock that fsconfig(2) takes by name (fs/fs_context.c, common_set_sb_flag), and their opposites
_SUPERBLOCK = {"sync": "sync", "dirsync": "dirsync", "lazytime": "lazytime"}
_SUPERBLOCK_CLEAR = {"async": "async", "nolazytime": "nolazytime"}

# flags that only mount(2) knows, and options that undo what was never set
_CLASSIC = {"iversion": uapi.MS_I_VERSION, "silent": uapi.MS_SILENT, "mand": uapi.MS_MANDLOCK}
_CLASSIC_CLEAR = {"noiversion": uapi.MS_I_VERSION, "loud": uapi.MS_SILENT, "nomand": uapi.MS_MANDLOCK}

_WORDS = ("bind", "rbind", "remount", "defaults", "tmpcopyup", "idmap", "ridmap")

OPTIONS = tuple(
    sorted(
        (
            *_ATTRIBUTES,
            *_RECURSIVE,
            *_PROPAGATION,
            *_SUPERBLOCK,
            *_SUPERBLOCK_CLEAR,
            *_CLASSIC,
            *_CLASSIC_CLEAR,
            *_WORDS,
        )
    )
)

# Their superblock belongs to the kernel or to the namespace: "ro" is a matter of the mount alone.
_PSEUDO = ("proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2")


def plan(entries: list[dict[str, Any]] | None, bundle: str) -> list[Mount]:
    return [_mount(entry, index, bundle) for index, entry in enumerate(entries or ())]


def _mount(entry: dict[str, Any], index: int, bundle: str) -> Mount:
    options: list[str] = entry.get("options") or []
    mount = Mount(
        kind=_kind(entry, options),
        destination="/" + entry["destination"].strip("/"),
        source=entry.get("source") or "",
        fstype=entry.get("type") or "",
    )
    data: list[tuple[str, str | None]] = []
    for option in options:
        for part in [option] if "," not in option and '"' not in option else split(option):
            if not _take(mount, part):
                key, equals, value = part.partition("=")
                data.append((key, value if equals else None))
    mount.data = tuple(data)
    _complete(mount, entry, index, bundle)
    return mount


def split(option: str) -> list[str]:
    """Several options in one string, as mount(2) takes them: a comma in double quotes (`context="a:b:c0,c1"`) or after
    a backslash (overlay) is no separator; the quotes themselves go.
    """
    parts, start, quoted = [], 0, False
    for position, character in enumerate(option):
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted and option[position - 1 : position] != "\\":
            parts.append(option[start:position])
            start = position + 1
    return [part.replace('"', "") for part in (*parts, option[start:]) if part]


def _kind(entry: dict[str, Any], options: list[str]) -> str:
    if "remount" in options:
        return "remount"
    if "bind" in options or "rbind" in options or entry.get("type") == "bind":
        return "bind"
    if entry.get("type") == "cgroup":
        return "cgroup"
    if entry.get("type") in (None, "", "none") and all(option in _PROPAGATION for option in options):
        return "change"
    return "filesystem"


def _take(mount: Mount, option: str) -> bool:
    """Note what `option` asks for; False when it is the file system's own. A later one wins."""
    if option in _ATTRIBUTES:
        set_, clear = _ATTRIBUTES[option]
        mount.attributes_set = mount.attributes_set & ~clear | set_
        mount.attributes_clear = mount.attributes_clear & ~set_ | clear
    elif option in _RECURSIVE:
        set_, clear = _RECURSIVE[option]
        mount.recursive_set = mount.recursive_set & ~clear | set_
        mount.recursive_clear = mount.recursive_clear & ~set_ | clear
    elif option in _PROPAGATION:
        mount.propagation += (_PROPAGATION[option],)
    elif option in _SUPERBLOCK:
        mount.superblock = (*(flag for flag in mount.superblock if flag != option), option)
    elif option in _SUPERBLOCK_CLEAR:
        mount.superblock = tuple(flag for flag in mount.superblock if not _opposite(flag, option))
    elif option in _CLASSIC:
        mount.classic_flags |= _CLASSIC[option]
    elif option in _CLASSIC_CLEAR:
        mount.classic_flags &= ~_CLASSIC_CLEAR[option]
    elif option == "rbind":
        mount.recursive = True
    elif option == "tmpcopyup":
        mount.tmpcopyup = True
    elif option in ("idmap", "ridmap"):
        mount.idmap = option
    else:
        return option in _WORDS
    return True


def _opposite(flag: str, option: str) -> bool:
    return (flag, option) in (("sync", "async"), ("lazytime", "nolazytime"))


def _complete(mount: Mount, entry: dict[str, Any], index: int, bundle: str) -> None:
    """What follows from the whole entry rather than from one option."""
    where = f"/mounts/{index}"
    if mount.kind == "bind":
        if not mount.source:
            raise ConfigError(f"{where}/source: a bind mount of {mount.destination} needs one")
        if not mount.source.startswith("/"):
            mount.source = f"{bundle}/{mount.source}"
        # the kernel knows file system options for new mounts only; mount(8) ignores them too
        mount.data = ()
    elif mount.kind == "filesystem" and not mount.fstype:
        raise ConfigError(f"{where}/type: a mount of {mount.destination} that is no bind mount needs one")
    if mount.kind == "filesystem" and mount.attributes_set & uapi.MOUNT_ATTR_RDONLY and mount.fstype not in _PSEUDO:
        mount.superblock += ("ro",)
    if mount.tmpcopyup and mount.fstype != "tmpfs":
        raise ConfigError(f"{where}/options: tmpcopyup found on type {mount.fstype!r}, it needs tmpfs")
    if entry.get("uidMappings") or entry.get("gidMappings"):
        mount.idmap = mount.idmap or "idmap"
        mount.idmap_mappings = UserNamespace(
            uid_mappings=mappings(entry.get("uidMappings")), gid_mappings=mappings(entry.get("gidMappings"))
        )
    if mount.idmap and mount.kind != "bind":
        raise ConfigError(f"{where}/options: {mount.idmap} is for bind mounts, found type {mount.fstype!r}")
