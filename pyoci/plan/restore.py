"""restore: what config.json and the command line say, and what is in the image -> what criu is asked for. Pure."""

from __future__ import annotations

from pyoci.errors import CriuError, UnsupportedError, UsageError
from pyoci.kernel import uapi
from pyoci.plan import criu, mountinfo
from pyoci.plan.mountinfo import MountPoint
from pyoci.record import Record
from pyoci.wire.plan import PLACEHOLDER, on_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.wire.plan import IdMapping, Mount, Plan

_LSMS = ("apparmor", "selinux")
# Kinds of criu's join_ns by the spec's types; the network and PID namespaces go another way, cgroups by the group.
_JOINED = {"ipc": "ipc", "uts": "uts", "time": "time", "user": "user"}
_UNCONFINED = "unconfined"  # AppArmor's word for a process without a profile
# all that take something away from the container's processes
_FLAGS = ((uapi.MOUNT_ATTR_RDONLY, "ro"), (uapi.MOUNT_ATTR_NOSUID, "nosuid"), (uapi.MOUNT_ATTR_NODEV, "nodev"),
          (uapi.MOUNT_ATTR_NOEXEC, "noexec"), (uapi.MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"))  # fmt: skip
_FOR_LIMITS = 1 << uapi.CAPABILITIES.index("CAP_SYS_RESOURCE")
_FOR_IDS = 1 << uapi.CAPABILITIES.index("CAP_SETUID") | 1 << uapi.CAPABILITIES.index("CAP_SETGID")
_FOR_MOUNTS = 1 << uapi.CAP_SYS_ADMIN
_ANEW = ("tmpfs", "mqueue", "devpts", "proc", "sysfs")  # criu makes another one of them
_CGROUPS = ("cgroup", "cgroup2")
_HARMLESS = ("tmpfs", "mqueue", "devpts")  # a new one shows nothing that the container does not have
_STREAM_MAX = 64  # characters
_STREAM_KINDS = ("pipe:[", "file[", "tty[", "socket:[")


class Wanted(criu.Switches):
    """The command line of `restore`, besides what `create` has."""

    tcp_close: bool = False
    lsm_profile: str = ""
    lsm_mount_context: str = ""


class Found(Record):
    """The things that have been made ready.

    root         where criu finds the rootfs, as a mount
    sources      (name, path) of everything that the image may have as external
    namespaces   kind -> (descriptor, path) of those that are to be joined
    streams      (name in the image, descriptor) of the standard streams
    groups       controllers -> group below its mount
    """

    root: str
    sources: list[tuple[str, str]]
    namespaces: dict[str, tuple[int, str]]
    streams: list[tuple[str, int]]
    groups: dict[str, str]
    config_file: str = ""


def options(plan: Plan, switches: Wanted, facts: Found) -> dict[str, Any]:
    """criu_opts, except for the descriptors of the folders. Raises CriuError, UsageError."""
    request = criu.common(switches, criu.empty_namespaces(switches.empty_ns, uapi.CLONE_NEWNET), facts.config_file)
    request |= {"log_file": criu.RESTORE_LOG, "root": facts.root, "rst_sibling": True}
    # The newer way (3.17) cannot restore two bind mounts of one shared mount, unless one is below the other.
    request |= {"ext_masters": True, "ext_sharing": True, "mntns_compat_mode": True}
    if switches.manage_cgroups_mode != "ignore":
        request["cg_root"] = _cgroup_roots(facts.groups)
    if plan.process is not None and plan.process.terminal:
        request["orphan_pts_master"] = True
    if switches.tcp_close:
        request["tcp_close"] = True
    for name in ("lsm_profile", "lsm_mount_context"):
        if getattr(switches, name):
            request[name] = getattr(switches, name)
    request["external"] = [criu.external("mnt", name, path) for name, path in facts.sources]
    request["inherit_fd"] = _inherited(facts)
    request["join_ns"] = [
        {"ns": _JOINED[kind], "ns_file": path} for kind, (_, path) in facts.namespaces.items() if kind in _JOINED
    ]
    return request


def _inherited(facts: Found) -> list[dict[str, Any]]:
    descriptors = [{"key": name, "fd": fd} for name, fd in facts.streams]
    for kind, name in (("network", criu.NETWORK), ("pid", criu.PID)):
        if kind in facts.namespaces:
            descriptors.append({"key": name, "fd": facts.namespaces[kind][0]})
    return descriptors


def _cgroup_roots(groups: dict[str, str]) -> list[dict[str, str]]:
    """Where criu puts the processes: in the groups that were made for this container, whatever the image says."""
    roots = []
    for controllers, group in groups.items():
        if not controllers:
            roots.append({"path": group})
        roots += [{"ctrl": name, "path": group} for name in controllers.split(",") if name]
    return roots


def streams(text: Any) -> list[str]:
    """The three names of the file of descriptors, checked; empty for those that criu must not know.

    Raises CriuError when it is not what `checkpoint` wrote. The names choose which of our own descriptors the
    processes get, so they may contain a number only.
    """
    if not isinstance(text, list) or len(text) > 3 or not all(isinstance(name, str) for name in text):
        raise CriuError(f"{criu.DESCRIPTORS_FILE} of the image: must be an array of three strings")
    return [name if _is_stream(name) else "" for name in text]


def _is_stream(name: str) -> bool:
    for start in _STREAM_KINDS:
        if name.startswith(start) and name.endswith("]") and len(name) <= _STREAM_MAX:
            number = name[len(start) : -1]
            return bool(number) and all(character in "0123456789abcdef:" for character in number)
    return False


def lead(why: str) -> str:
    """Advice about an error of criu's, as the end of a message; empty where its words are all there is to say."""
    if "No mapping for " in why:  # its number of the mount is one that nobody can look up any more
        return "; config.json lacks a mount that the container had at the checkpoint, such as one of `mounts add`"
    if "Can't restore file pos: Illegal seek" in why:
        return (
            "; a file that was open at the checkpoint is a pipe or a terminal now: by a mount of config.json, or a "
            "change of the rootfs"
        )
    return ""


def check(plan: Plan, switches: Wanted) -> None:
    """Raise what is certain before anything is made: UsageError, UnsupportedError."""
    if switches.lsm_profile:
        kind, colon, name = switches.lsm_profile.partition(":")
        if kind not in _LSMS or not colon or not name:
            raise UsageError(
                f"option --lsm-profile: {switches.lsm_profile!r} is not TYPE:NAME, where TYPE is apparmor or selinux"
            )
    if "mount" not in plan.namespaces.new:
        raise UnsupportedError("restore: config.json gives the container no mount namespace of its own; criu needs it")
    criu.check_groups(plan.annotations, "restore")


class Confinement(Record):
    """The privileges that config.json takes from every process of the container, which an image must not give back.

    `capabilities` are those of all five sets together; None when config.json names no process.
    `uids` and `gids` are the host's, where no process can change them: without set-uid programs and the capability.
    `apparmor` is the profile. `limits` are (name, number, hard); they and `oom_score_adj` count where no process may
    raise them.
    """

    namespaces: list[str]
    capabilities: int | None = None
    seccomp: bool = False
    no_new_privileges: bool = False
    apparmor: str = ""
    uids: tuple[int, ...] | None = None
    gids: tuple[int, ...] | None = None
    limits: tuple[tuple[str, int, int], ...] = ()
    oom_score_adj: int | None = None


class Process(Record):
    """A restored process: the kinds of namespaces that it shares with the host, its label, files of /proc/PID.

    `own_users`: it has gone into a user namespace that it made itself, and its capabilities count only in that one.
    """

    pid: int
    with_host: list[str]
    own_users: bool
    status: str
    label: str = ""
    limits: str = ""
    oom_score_adj: int = 0


def confinement(plan: Plan, lsm_profile: str = "") -> Confinement:
    """`lsm_profile`: what the caller wants in place of config.json's."""
    kinds = [kind for kind in plan.namespaces.new if kind not in ("time", "cgroup")]
    process = plan.process
    if process is None:
        return Confinement(namespaces=kinds)
    sets = process.capabilities
    rights = sets.bounding | sets.permitted | sets.inheritable | sets.effective | sets.ambient
    user = plan.namespaces.user
    keeps_ids = process.no_new_privileges and not rights & _FOR_IDS and not plan.namespaces.joins("user")
    keeps_limits = not rights & _FOR_LIMITS
    gids = [process.gid, *process.additional_gids]
    return Confinement(
        namespaces=kinds,
        capabilities=rights,
        uids=_on_host([process.uid], user.uid_mappings if user else None) if keeps_ids else None,
        gids=_on_host(gids, user.gid_mappings if user else None) if keeps_ids and not process.keep_groups else None,
        limits=tuple((name, number, hard) for name, number, _, hard in process.rlimits) if keeps_limits else (),
        oom_score_adj=process.oom_score_adj if keeps_limits else None,
        seccomp=process.seccomp is not None,
        no_new_privileges=process.no_new_privileges,
        apparmor=_profile(process.apparmor_profile, lsm_profile),
    )


def _profile(of_config: str, lsm_profile: str) -> str:
    """Empty for none."""
    kind, _, name = lsm_profile.partition(":")
    profile = name if kind == "apparmor" and of_config not in ("", _UNCONFINED) else of_config
    return "" if profile == _UNCONFINED else profile


def _on_host(ids: list[int], mappings: list[IdMapping] | None) -> tuple[int, ...]:
    numbers = [number if mappings is None else on_host(number, mappings) for number in ids]
    return tuple(number for number in numbers if number is not None)


def escapes(allowed: Confinement, process: Process) -> str:
    """Why a restored process is less confined than config.json says; empty when it is not."""
    lines = {key: value.strip() for key, _, value in (line.partition(":") for line in process.status.split("\n"))}
    for kind in allowed.namespaces:
        if kind in process.with_host:
            return f"it is in the host's {kind} namespace"
    if allowed.capabilities is not None and not process.own_users:
        for name in ("CapBnd", "CapPrm", "CapEff", "CapInh"):
            more = int(lines.get(name, "0"), 16) & ~allowed.capabilities
            if more:
                return f"its capabilities {name} have {more:#x} more"
    if allowed.seccomp and lines.get("Seccomp") != "2":
        return "it has no seccomp filter"
    if allowed.no_new_privileges and lines.get("NoNewPrivs") != "1":
        return "it may gain privileges"
    if allowed.apparmor and process.label in ("", _UNCONFINED):
        return "no AppArmor profile confines it"
    profile = process.label.rpartition(" (")[0] or process.label
    if allowed.apparmor and profile != allowed.apparmor and not profile.startswith(f"{allowed.apparmor}//"):
        return f"its AppArmor profile is {profile[:200]!r}, not {allowed.apparmor!r}; --lsm-profile names another one"
    for name, ids in (("Uid", allowed.uids), ("Gid", allowed.gids), ("Groups", allowed.gids)):
        others = [word for word in lines.get(name, "").split() if ids is not None and int(word) not in ids]
        if others:
            return f"its {name} is {' '.join(others[:4])}, which config.json does not give it"
    return _raises(allowed, process)


def _raises(allowed: Confinement, process: Process) -> str:
    """Why its limits are less than config.json's; empty when they are not."""
    lines = process.limits.split("\n")[1:]  # in the order of the numbers: lnames of fs/proc/base.c
    for name, number, hard in allowed.limits:
        text = lines[number][47:67].strip() if number < len(lines) else ""
        if text == "unlimited" or (text.isdigit() and int(text) > hard):
            return f"its limit {name} is {text}, not {hard}"
    if allowed.oom_score_adj is not None and process.oom_score_adj < allowed.oom_score_adj:
        return f"its oom_score_adj is {process.oom_score_adj}, not {allowed.oom_score_adj}"
    return ""


def limits_mounts(plan: Plan) -> bool:
    """Whether the processes cannot change their mounts, so that config.json says what they are."""
    return plan.process is None or not plan.process.capabilities.bounding & _FOR_MOUNTS


def mounts_differ(plan: Plan, staged: list[tuple[bool, MountPoint]], restored: list[MountPoint]) -> str:
    """Why restored mounts show more, or with more rights, than config.json says; empty when they do not.

    `staged`: what `create` would have mounted, each with whether config.json names its place.
    """
    named = {mount.id for is_named, mount in staged if is_named}
    expected = mountinfo.visible([mount for _, mount in staged])
    present = mountinfo.visible(restored)
    for path, mount in expected.items():
        if path in present:
            why = _differs(mount, _entry_of(plan, mount), present[path])
        else:
            why = "nothing is mounted there" if mount.id in named else ""
        if why:
            return f"{path[:200]!r}: {why}"
    for path, mount in present.items():
        is_harmless = mount.fstype in _HARMLESS and (mount.root == "/" or path == "/dev/console")
        if path not in expected and not is_harmless:
            return f"{path[:200]!r}: config.json mounts no {mount.fstype} there"
    return ""


def _entry_of(plan: Plan, mount: MountPoint) -> Mount | None:
    """The options in config.json of a file system that criu makes again."""
    number = mount.source.removeprefix(PLACEHOLDER)
    return plan.mounts[int(number)] if number != mount.source else None


def _differs(expected: MountPoint, entry: Mount | None, present: MountPoint) -> str:
    fstype = entry.fstype if entry is not None else expected.fstype
    if present.fstype != fstype:
        return f"a {present.fstype} is mounted there, not a {fstype}"
    is_same = (present.device, present.root) == (expected.device, expected.root)
    if entry is None and fstype not in (*_ANEW, *_CGROUPS) and not is_same:
        return f"{present.root[:200]!r} of device {present.device} is mounted there"
    # of a cgroup mount criu loses the others in a cgroup namespace: no program and no device lies there
    counts = ("ro",) if fstype in _CGROUPS else tuple(name for _, name in _FLAGS)
    flags = [name for name in counts if name in expected.options]
    if entry is not None:
        attributes = entry.attributes_set | entry.recursive_set
        attributes |= uapi.MOUNT_ATTR_RDONLY if entry.read_only_last or "ro" in entry.superblock else 0
        flags += [name for flag, name in _FLAGS if attributes & flag]
    lacking = [name for name in flags if name not in present.options and present.path != "/"]
    return f"it is mounted without {', '.join(lacking)}" if lacking else ""
