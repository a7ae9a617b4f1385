"""`process` (config.md): what runs, as whom and under which limits."""

from __future__ import annotations

from pyoci.errors import ConfigError, UnsupportedError
from pyoci.kernel.uapi import CAPABILITIES, RLIMITS
from pyoci.plan import capabilities, lsm
from pyoci.plan.facts import Facts
from pyoci.plan.request import Request
from pyoci.wire.plan import MemoryPolicy, Process, Scheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEEP_GROUPS = "run.oci.keep_original_groups"  # crun's; podman --group-add keep-groups
_ALL_CAPABILITIES = (1 << len(CAPABILITIES)) - 1
# sched.h
_POLICIES = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}
_SCHEDULER_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
# ioprio.h
_IO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
# mempolicy.h
MEMORY_MODES = {
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}
MEMORY_FLAGS = {
    "MPOL_F_NUMA_BALANCING": 1 << 13,
    "MPOL_F_RELATIVE_NODES": 1 << 14,
    "MPOL_F_STATIC_NODES": 1 << 15,
}
# personality.h
_DOMAINS = {"LINUX": 0x0000, "LINUX32": 0x0008}
_NODES_MAX = 1024  # CONFIG_NODES_SHIFT is 10 at the most


def plan(
    config: dict[str, Any] | None,
    linux: dict[str, Any],
    request: Request,
    facts: Facts,
    user_namespace: bool,
    warnings: list[str],
    annotations: dict[str, str] | None = None,
) -> Process | None:
    """`process` with the parts that other sections decide: for init and for exec."""
    if not config:
        return None
    # a user namespace gives all capabilities over itself (user_namespaces(7)), whatever the runtime has
    grantable = _ALL_CAPABILITIES if user_namespace else facts.capabilities
    planned = _process(config, facts, grantable, warnings)
    if linux.get("seccomp"):
        from pyoci.plan import seccomp

        planned.seccomp = seccomp.plan(linux["seccomp"])
    planned.apparmor_profile = lsm.apparmor_profile(config, facts.apparmor)
    planned.selinux_label = lsm.selinux_label(config, facts.selinux)
    planned.preserve_fds = request.preserve_fds + facts.listen_fds
    planned.keyring = request.keyring
    planned.keep_groups = (annotations or {}).get(KEEP_GROUPS) in ("1", "true")
    if planned.keep_groups and planned.additional_gids:
        raise ConfigError(f"/annotations/{KEEP_GROUPS}: the caller's groups stay, so additionalGids cannot be set")
    return planned


def _process(process: dict[str, Any], facts: Facts, grantable: int, warnings: list[str]) -> Process:
    args = process.get("args") or []
    if not args:
        raise ConfigError("/process/args: at least one entry is required")
    user = process.get("user") or {}
    size = process.get("consoleSize") if process.get("terminal") else None
    return Process(
        args=list(args),
        env=_environment(process.get("env") or [], facts),
        cwd=process["cwd"],
        uid=user.get("uid", 0),
        gid=user.get("gid", 0),
        umask=user.get("umask"),
        additional_gids=list(user.get("additionalGids") or ()),
        terminal=process.get("terminal", False),
        console_size=(size.get("height", 0), size.get("width", 0)) if size else None,
        capabilities=capabilities.plan(process.get("capabilities") or {}, grantable, warnings),
        rlimits=[_rlimit(entry, index) for index, entry in enumerate(process.get("rlimits") or ())],
        no_new_privileges=process.get("noNewPrivileges", False),
        oom_score_adj=process.get("oomScoreAdj"),
        scheduler=_scheduler(process.get("scheduler")),
        io_priority=_io_priority(process.get("ioPriority")),
        cpu_affinity=_cpu_affinity(process.get("execCPUAffinity")),
    )


def _environment(env: list[str], facts: Facts) -> list[str]:
    """The config's own, plus what tells the program of passed descriptors (sd_listen_fds(3)).

    Of a name given twice the last counts, as with other runtimes: getenv(3) would find the first, so that what
    `exec --env` adds could not replace what the container has.
    """
    last: dict[str, str] = {}
    for entry in env:
        name = entry.partition("=")[0]
        last.pop(name, None)
        last[name] = entry
    if facts.listen_fds:
        last |= {"LISTEN_FDS": f"LISTEN_FDS={facts.listen_fds}", "LISTEN_PID": "LISTEN_PID=1"}
    return list(last.values())


def _rlimit(entry: dict[str, Any], index: int) -> tuple[str, int, int, int]:
    name = entry["type"]
    if name not in RLIMITS:
        raise ConfigError(
            f"/process/rlimits/{index}/type: must be a limit of getrlimit(2) such as RLIMIT_NOFILE, not {name!r}"
        )
    return name, RLIMITS[name], entry["soft"], entry["hard"]


def _scheduler(entry: dict[str, Any] | None) -> Scheduler | None:
    if not entry:
        return None
    policy = entry["policy"]
    if policy not in _POLICIES:
        raise UnsupportedError(f"/process/scheduler/policy: {policy} is not in this kernel")
    flags = 0
    for name in entry.get("flags") or ():
        flags |= _SCHEDULER_FLAGS[name]
    return Scheduler(
        policy=_POLICIES[policy],
        flags=flags,
        nice=entry.get("nice", 0),
        priority=entry.get("priority", 0),
        runtime=entry.get("runtime", 0),
        deadline=entry.get("deadline", 0),
        period=entry.get("period", 0),
        words=_scheduler_words(policy, entry),
    )


def _scheduler_words(policy: str, entry: dict[str, Any]) -> str:
    if policy != "SCHED_DEADLINE":
        return f"policy={policy} priority={entry.get('priority', 0)} nice={entry.get('nice', 0)}"
    times = " ".join(f"{name}={entry.get(name, 0)}" for name in ("runtime", "deadline", "period"))
    return f"policy={policy} {times} (ns; /proc/sys/kernel/sched_deadline_period_min_us and _max_us bound the period)"


def _io_priority(entry: dict[str, Any] | None) -> tuple[int, int, str] | None:
    if not entry:
        return None
    priority = entry.get("priority", 0)
    return _IO_CLASSES[entry["class"]], priority, f"class={entry['class']} priority={priority}"


def _cpu_affinity(entry: dict[str, str] | None) -> tuple[str, str] | None:
    if not entry:
        return None
    initial, final = (
        ",".join(map(str, cpu_list(entry.get(key) or "", f"/process/execCPUAffinity/{key}")))
        for key in ("initial", "final")
    )
    return initial, final


def memory_policy(entry: dict[str, Any] | None) -> MemoryPolicy | None:
    """`linux.memoryPolicy`: set_mempolicy(2)."""
    if not entry or not entry.get("mode"):
        return None
    mode = MEMORY_MODES[entry["mode"]]
    for name in entry.get("flags") or ():
        mode |= MEMORY_FLAGS[name]
    nodes = cpu_list(entry.get("nodes", ""), "/linux/memoryPolicy/nodes", _NODES_MAX)
    mask = sum(1 << node for node in nodes)
    size = (mask.bit_length() + 63) // 64 * 8
    return MemoryPolicy(
        mode=mode,
        nodemask=mask.to_bytes(size, "little"),
        words=f"mode={entry['mode']} nodes={entry.get('nodes', '')!r}",
    )


def personality(entry: dict[str, Any] | None) -> int | None:
    """`linux.personality`: personality(2)."""
    if not entry:
        return None
    if entry.get("flags"):
        raise UnsupportedError(
            f"/linux/personality/flags: must be empty, since the specification defines none, not {entry['flags']!r}"
        )
    return _DOMAINS[entry.get("domain", "LINUX")]


def cpu_list(text: str, where: str, maximum: int = 8192) -> list[int]:
    """`0-3,7` as numbers. Raises ConfigError."""
    from pyoci import number_list  # seldom

    try:
        return number_list.parse(text, maximum)
    except ValueError as error:
        raise ConfigError(
            f"{where}: must be numbers and ranges below {maximum} such as 0-3,7, not {text!r} ({str(error)!r})"
        ) from None
