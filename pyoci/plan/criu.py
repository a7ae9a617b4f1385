"""The common parts of checkpoint and restore: options of both, names of external things, versions of criu."""

from __future__ import annotations

from pyoci.errors import CriuError, UnsupportedError, UsageError
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.wire.plan import Plan

CGROUP_MODES = {"soft": 3, "full": 4, "strict": 5, "ignore": 0}  # criu_cg_mode of rpc.proto
NETWORK_LOCKS = {"iptables": 1, "nftables": 2, "skip": 3}  # criu_network_lock_method of rpc.proto
CONFIG_ANNOTATION = "org.criu.config"
DELEGATE = "run.oci.delegate-cgroup"
CONFIG_FOLDER = "/etc/criu/"
# The first that is there counts. Those of runc and crun are taken as well: whoever replaces one by pyoci has it.
CONFIG_FILES = ("/etc/criu/pyoci.conf", "/etc/criu/runc.conf", "/etc/criu/crun.conf")
DUMP_LOG, RESTORE_LOG = "dump.log", "restore.log"
# Which pipe, file or terminal the standard streams were: an array of three texts. The name is runc's, so that
# engines that move a checkpoint find it where they look.
DESCRIPTORS_FILE = "descriptors.json"
# External namespaces by these names in the image.
NETWORK, PID = "pyoci-network", "pyoci-pid"
LOG_LEVEL = 4

OLDEST = 30000
# (what asks for it, the version that brought it): criu's release notes
_NEEDED = {
    "org.criu.config": 31100,
    "a network namespace joined by its path": 31100,
    "--lazy-pages": 30600,
    "--tcp-close": 31200,
    "--lsm-profile": 31400,
    "a frozen cgroup of version 2": 31400,
    "a PID namespace joined by its path": 31500,
    "joining namespaces by their paths": 31600,
    "--network-lock": 31600,
    "--lsm-mount-context": 31600,
    "--network-lock skip": 31900,
}


class Switches(Record):
    """Options that checkpoint and restore have both."""

    image_path: str = ""
    work_path: str = ""
    tcp_established: bool = False
    ext_unix_sk: bool = False
    shell_job: bool = False
    lazy_pages: bool = False
    file_locks: bool = False
    auto_dedup: bool = False
    manage_cgroups_mode: str = ""
    network_lock: str = ""
    empty_ns: list[str]


def common(switches: Switches, empty_ns: int, config_file: str) -> dict[str, Any]:
    """The fields of criu_opts for them. What was not asked for is left out: a configuration file may say it."""
    options: dict[str, Any] = {"log_level": LOG_LEVEL, "notify_scripts": True}
    options["manage_cgroups_mode"] = CGROUP_MODES[switches.manage_cgroups_mode or "soft"]
    for name in ("tcp_established", "ext_unix_sk", "shell_job", "lazy_pages", "file_locks", "auto_dedup"):
        if getattr(switches, name):
            options[name] = True
    if switches.network_lock:
        options["network_lock"] = NETWORK_LOCKS[switches.network_lock]
    if empty_ns:
        options["empty_ns"] = empty_ns
    if config_file:
        options["config_file"] = config_file
    return options


def empty_namespaces(names: list[str], network_flag: int) -> int:
    """The mask of --empty-ns: criu leaves the network namespace empty, and no other. Raises UsageError."""
    for name in names:
        if name not in ("network", "net"):
            raise UsageError(f"option --empty-ns: {name!r} cannot be left empty by criu; it takes network")
    return network_flag if names else 0


def check_groups(annotations: dict[str, str], what: str) -> None:
    """Raise UnsupportedError where the container makes groups by itself: criu would need them before it may.

    It moves a process into the group around them while that has controllers enabled for groups below, which the kernel
    refuses (cgroups(7), the rule of no internal processes).
    """
    if annotations.get(DELEGATE):
        raise UnsupportedError(f"{what}: criu cannot restore a container with the annotation {DELEGATE}")


def config_file(annotations: dict[str, str], exists: dict[str, bool]) -> str:
    """criu's configuration file: that of the annotation (none, when it is empty), or the first that is there.

    A pod's author may write annotations, and the file may name programs that criu runs as root (`action-script`): so it
    is one that the administrator has put into CONFIG_FOLDER. Raises UnsupportedError.
    """
    if CONFIG_ANNOTATION in annotations:
        path = annotations[CONFIG_ANNOTATION]
        name = path.removeprefix(CONFIG_FOLDER)
        if path and (not path.startswith(CONFIG_FOLDER) or "/" in name or name in ("", ".", "..")):
            raise UnsupportedError(
                f"/annotations/{CONFIG_ANNOTATION}: must be a file in {CONFIG_FOLDER}, not {path[:200]!r}"
            )
        return path
    return next((path for path in CONFIG_FILES if exists.get(path)), "")


def require_version(version: int, reasons: list[str]) -> None:
    """Raise CriuError when the version cannot do what one of the reasons needs."""
    oldest, reason = OLDEST, "checkpoint and restore"
    for needing in reasons:
        if _NEEDED[needing] > oldest:
            oldest, reason = _NEEDED[needing], needing
    if version < oldest:
        raise CriuError(f"criu {_words(version)} is too old for {reason}: {_words(oldest)} or newer is needed")


def keeps_no_new_privileges(version: int) -> bool:
    """Whether it gives restored processes their no_new_privs back: criu's commit a605cc9f3."""
    return version >= 31900


def _words(version: int) -> str:
    sublevel = f".{version % 100}" if version % 100 else ""
    return f"{version // 10000}.{version // 100 % 100}{sublevel}"


def reasons(plan: Plan, switches: Switches, config: str, *, joins: bool) -> list[str]:
    """Reasons in the container and the command line to need more than the oldest criu; `joins`: on restore."""
    refusals = []
    if config:
        refusals.append("org.criu.config")
    if switches.lazy_pages:
        refusals.append("--lazy-pages")
    if switches.network_lock:
        refusals.append("--network-lock skip" if switches.network_lock == "skip" else "--network-lock")
    if plan.namespaces.joins("network"):
        refusals.append("a network namespace joined by its path")
    if plan.namespaces.joins("pid"):
        refusals.append("a PID namespace joined by its path")
    if joins and any(kind not in ("network", "pid", "cgroup") for kind, _ in plan.namespaces.joined):
        refusals.append("joining namespaces by their paths")
    return refusals


def external(kind: str, name: str, value: str = "") -> str:
    """`kind[name]:value`, which criu takes apart at the first `]`.

    A name with a bracket could stand for another one: crun bound a folder of the host for one (CVE-2026-119101).
    """
    if "[" in name or "]" in name:
        raise CriuError(f"{kind} {name!r}: criu cannot take a name with a bracket")
    return f"{kind}[{name}]:{value}" if value else f"{kind}[{name}]"


def cgroup_groups(saved: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Controllers -> (mount, group below it), of what `pyoci.cgroups` saved; cgroup2 has the name ``."""
    return {name: (mount, group) for name, (mount, group, *_) in (saved.get("groups") or {}).items()}


def places(saved: dict[str, Any]) -> dict[str, str]:
    """Controllers -> the group that processes enter: the container's own, or one below (run.oci.systemd.subgroup)."""
    leaves = saved.get("leaves") or {"": saved.get("leaf", "")}
    members = {
        name: f"{group}/{leaves[name]}" if leaves.get(name) else group
        for name, (_, group) in cgroup_groups(saved).items()
    }
    if "named" in saved:
        members["name=systemd"] = saved["named"][1]
    return members


def freezer(saved: dict[str, Any]) -> str:
    """The group whose freezer holds the whole container; empty when there is none."""
    groups = cgroup_groups(saved)
    for name in ("freezer", ""):
        if name in groups:
            return "".join(groups[name])
    return ""
