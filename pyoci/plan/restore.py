"""restore: what config.json and the command line say, and what is in the image -> what criu is asked for. Pure."""

from __future__ import annotations

from pyoci.errors import CriuError, UnsupportedError, UsageError
from pyoci.kernel import uapi
from pyoci.plan import criu
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.wire.plan import Plan

_LSMS = ("apparmor", "selinux")
# Kinds of criu's join_ns by the spec's types; the network and PID namespaces go another way, cgroups by the group.
_JOINED = {"ipc": "ipc", "uts": "uts", "time": "time", "user": "user"}
_UNCONFINED = "unconfined"  # AppArmor's word for a process without a profile
_STREAM_MAX = 64  # characters
_STREAM_KINDS = ("pipe:[", "file[", "tty[", "socket:[")


class Wanted(criu.Switches):
    """The command line of `restore`, besides what `create` has."""

    lsm_profile: str = ""
    lsm_mount_context: str = ""


class Found(Record):
    """What has been made ready.

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


def options(plan: Plan, wanted: Wanted, found: Found) -> dict[str, Any]:
    """criu_opts, except for the descriptors of the folders. Raises CriuError, UsageError."""
    made = criu.common(wanted, criu.empty_namespaces(wanted.empty_ns, uapi.CLONE_NEWNET), found.config_file)
    made |= {"log_file": criu.RESTORE_LOG, "root": found.root, "rst_sibling": True}
    # The newer way (3.17) cannot restore two bind mounts of one shared mount, unless one is below the other.
    made |= {"ext_masters": True, "ext_sharing": True, "mntns_compat_mode": True}
    if wanted.manage_cgroups_mode != "ignore":
        made["cg_root"] = _cgroup_roots(found.groups)
    if plan.process is not None and plan.process.terminal:
        made["orphan_pts_master"] = True
    for name in ("lsm_profile", "lsm_mount_context"):
        if getattr(wanted, name):
            made[name] = getattr(wanted, name)
    made["external"] = [criu.external("mnt", name, path) for name, path in found.sources]
    made["inherit_fd"] = _inherited(found)
    made["join_ns"] = [
        {"ns": _JOINED[kind], "ns_file": path} for kind, (_, path) in found.namespaces.items() if kind in _JOINED
    ]
    return made


def _inherited(found: Found) -> list[dict[str, Any]]:
    descriptors = [{"key": name, "fd": fd} for name, fd in found.streams]
    for kind, name in (("network", criu.NETWORK), ("pid", criu.PID)):
        if kind in found.namespaces:
            descriptors.append({"key": name, "fd": found.namespaces[kind][0]})
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
        raise CriuError(f"{criu.DESCRIPTORS_FILE} of the image: not an array of three texts")
    return [name if _is_stream(name) else "" for name in text]


def _is_stream(name: str) -> bool:
    for start in _STREAM_KINDS:
        if name.startswith(start) and name.endswith("]") and len(name) <= _STREAM_MAX:
            number = name[len(start) : -1]
            return bool(number) and all(character in "0123456789abcdef:" for character in number)
    return False


def lead(why: str) -> str:
    """What to do about an error of criu's, as the end of a message; empty where its words are all there is to say."""
    if "No mapping for " in why:  # its number of the mount is one that nobody can look up any more
        return "; config.json lacks a mount that the container had at the checkpoint, such as one of `mounts add`"
    return ""


def check(plan: Plan, wanted: Wanted) -> None:
    """Raise what is certain before anything is made: UsageError, UnsupportedError."""
    if wanted.lsm_profile:
        kind, colon, name = wanted.lsm_profile.partition(":")
        if kind not in _LSMS or not colon or not name:
            raise UsageError(
                f"option --lsm-profile: {wanted.lsm_profile!r} is not TYPE:NAME, where TYPE is apparmor or selinux"
            )
    if "mount" not in plan.namespaces.new:
        raise UnsupportedError("restore: config.json gives the container no mount namespace of its own; criu needs it")
    criu.check_groups(plan.annotations, "restore")


class Confinement(Record):
    """What config.json takes from every process of the container, which an image must not give back.

    `capabilities` are those of all five sets together; None when config.json names no process.
    """

    namespaces: list[str]
    capabilities: int | None = None
    seccomp: bool = False
    no_new_privileges: bool = False
    apparmor: bool = False


class Process(Record):
    """A restored process: the kinds of namespaces that it shares with the host, its /proc/PID/status and its label.

    `own_users`: it has gone into a user namespace that it made itself, and its capabilities count only in that one.
    """

    pid: int
    with_host: list[str]
    own_users: bool
    status: str
    label: str = ""


def confinement(plan: Plan, lsm_profile: str = "") -> Confinement:
    """`lsm_profile`: what the caller wants in place of config.json's."""
    kinds = [kind for kind in plan.namespaces.new if kind not in ("time", "cgroup")]
    process = plan.process
    if process is None:
        return Confinement(namespaces=kinds)
    sets = process.capabilities
    return Confinement(
        namespaces=kinds,
        capabilities=sets.bounding | sets.permitted | sets.inheritable | sets.effective | sets.ambient,
        seccomp=process.seccomp is not None,
        no_new_privileges=process.no_new_privileges,
        apparmor=process.apparmor_profile not in ("", _UNCONFINED) and lsm_profile != f"apparmor:{_UNCONFINED}",
    )


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
    return ""
