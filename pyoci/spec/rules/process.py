"""`process`."""

from __future__ import annotations

from pyoci.spec.rules import MISSING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyoci.spec.rules import Config, Problem

_WINSIZE_MAX = 0xFFFF  # struct winsize, ioctl_tty(2)
_REAL_TIME = ("SCHED_FIFO", "SCHED_RR")
_ARGUMENT_MAX = (1 << 17) - 1  # MAX_ARG_STRLEN, binfmts.h, without the NUL
_PATH_MAX = 4095  # PATH_MAX, limits.h, without the NUL
_GROUPS_MAX = 65536  # NGROUPS_MAX, limits.h
_NO_ID = (1 << 32) - 1  # "leave it" to setresuid(2): the program would stay root
_NICE = ("SCHED_OTHER", "SCHED_BATCH")  # the others take no notice of it (kernel/sched/syscalls.c)
_CLAMPS = ("SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX")
_OF_DEADLINE = ("SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN")
_DEADLINE_MIN = 1 << 10  # ns: DL_SCALE, kernel/sched/deadline.c
_DEADLINE_MAX = (1 << 63) - 1


def args_are_given(config: Config) -> Iterator[Problem]:
    """`args`: at least one entry is REQUIRED (non-Windows)."""
    process = config.get("process")
    if process is not None and not process.get("args"):
        yield "/process/args", process.get("args", MISSING), "must have at least one entry, the program"


def env_names_values(config: Config) -> Iterator[Problem]:
    """`env`: with the same semantics as IEEE Std 1003.1-2008's `environ`: strings of the form name=value."""
    for index, entry in enumerate(config.get("process", {}).get("env", ())):
        if entry.find("=") < 1:
            yield f"/process/env/{index}", entry, "NAME=value"


def strings_can_be_passed_on(config: Config) -> Iterator[Problem]:
    """execve(2): one argument or variable has at most 131,071 bytes (MAX_ARG_STRLEN)."""
    process = config.get("process", {})
    for name in ("args", "env"):
        for index, entry in enumerate(process.get(name, ())):
            if len(entry) * 4 > _ARGUMENT_MAX and len(entry.encode("utf-8", "surrogateescape")) > _ARGUMENT_MAX:
                yield f"/process/{name}/{index}", entry, f"at most {_ARGUMENT_MAX} bytes"
    for kind, hooks in config.get("hooks", {}).items():
        for number, hook in enumerate(hooks):
            for name in ("args", "env"):
                for index, entry in enumerate(hook.get(name, ())):
                    if len(entry.encode("utf-8", "surrogateescape")) > _ARGUMENT_MAX:
                        yield f"/hooks/{kind}/{number}/{name}/{index}", entry, f"at most {_ARGUMENT_MAX} bytes"
    if len(process.get("cwd", "").encode("utf-8", "surrogateescape")) > _PATH_MAX:
        yield "/process/cwd", process["cwd"], f"at most {_PATH_MAX} bytes"


def groups_fit(config: Config) -> Iterator[Problem]:
    """setgroups(2): at most 65,536 groups (NGROUPS_MAX), and 2^32 - 1 is not an ID."""
    user = config.get("process", {}).get("user", {})
    groups = user.get("additionalGids", ())
    if len(groups) > _GROUPS_MAX:
        yield "/process/user/additionalGids", len(groups), f"at most {_GROUPS_MAX} groups"
        return
    for index, gid in enumerate(groups):
        if gid == _NO_ID:
            yield f"/process/user/additionalGids/{index}", gid, f"a number below {_NO_ID}"
    for name in ("uid", "gid"):
        if user.get(name) == _NO_ID:
            yield f"/process/user/{name}", _NO_ID, f"a number below {_NO_ID}"


def console_size_fits(config: Config) -> Iterator[Problem]:
    """Runtimes MUST ignore `consoleSize` if `terminal` is `false` or unset; else a terminal must be able to
    have it."""
    process = config.get("process", {})
    if process.get("terminal"):
        for name, number in process.get("consoleSize", {}).items():
            if name in ("height", "width") and number > _WINSIZE_MAX:
                yield f"/process/consoleSize/{name}", number, f"at most {_WINSIZE_MAX}"


def rlimit_types_differ(config: Config) -> Iterator[Problem]:
    """If `rlimits` contains duplicated entries with same `type`, the runtime MUST generate an error."""
    seen: set[str] = set()
    for index, rlimit in enumerate(config.get("process", {}).get("rlimits", ())):
        if rlimit["type"] in seen:
            yield f"/process/rlimits/{index}/type", rlimit["type"], "must be listed once only"
        seen.add(rlimit["type"])


def soft_rlimit_is_below_hard(config: Config) -> Iterator[Problem]:
    """`hard`: the ceiling for the soft limit."""
    for index, rlimit in enumerate(config.get("process", {}).get("rlimits", ())):
        if rlimit["soft"] > rlimit["hard"]:
            place = f"/process/rlimits/{index}/soft"
            yield place, rlimit["soft"], f"at most the hard limit, {rlimit['hard']}"


def no_windows_properties(config: Config) -> Iterator[Problem]:
    """`commandLine` is for Windows: it cannot be applied here."""
    process = config.get("process", {})
    if process.get("commandLine"):
        yield "/process/commandLine", process["commandLine"], "is for Windows: use args"


def scheduler_fits_policy(config: Config) -> Iterator[Problem]:
    """`priority` is used by real-time policies, `runtime`, `deadline` and `period` by the deadline
    scheduler."""
    scheduler = config.get("process", {}).get("scheduler")
    if scheduler is None:
        return
    place = "/process/scheduler"
    policy = scheduler["policy"]
    priority = scheduler.get("priority", 0)
    if policy in _REAL_TIME and not 1 <= priority <= 99:
        yield f"{place}/priority", priority, f"from 1 to 99 with {policy}"
    if policy not in _REAL_TIME and priority:
        yield f"{place}/priority", priority, "0 unless the policy is SCHED_FIFO or SCHED_RR"
    if not -20 <= scheduler.get("nice", 0) <= 19:
        yield f"{place}/nice", scheduler["nice"], "from -20 to 19"
    elif policy not in _NICE and scheduler.get("nice"):
        yield f"{place}/nice", scheduler["nice"], "must be left out unless the policy is SCHED_OTHER or SCHED_BATCH"
    if policy == "SCHED_DEADLINE":
        runtime, deadline = scheduler.get("runtime", 0), scheduler.get("deadline", 0)
        if not 0 < runtime <= deadline <= (scheduler.get("period", 0) or deadline):
            yield place, scheduler, "must have 0 < runtime <= deadline <= period with SCHED_DEADLINE (sched(7))"
        elif runtime < _DEADLINE_MIN:
            yield f"{place}/runtime", runtime, f"at least {_DEADLINE_MIN} ns"
        for name in ("deadline", "period"):
            if scheduler.get(name, 0) > _DEADLINE_MAX:
                yield f"{place}/{name}", scheduler[name], f"at most {_DEADLINE_MAX} ns"
    else:
        for name in ("runtime", "deadline", "period"):
            if scheduler.get(name):
                yield f"{place}/{name}", scheduler[name], "must be left out unless the policy is SCHED_DEADLINE"


def scheduler_flags_have_an_effect(config: Config) -> Iterator[Problem]:
    """sched_setattr(2): some flags are for one policy, or for values that the config has no property for."""
    scheduler = config.get("process", {}).get("scheduler") or {}
    for index, flag in enumerate(scheduler.get("flags") or ()):
        place = f"/process/scheduler/flags/{index}"
        if flag in _CLAMPS:
            yield place, flag, "must be left out: no property has the utilization that it is about"
        elif flag in _OF_DEADLINE and scheduler["policy"] != "SCHED_DEADLINE":
            yield place, flag, "must be left out unless the policy is SCHED_DEADLINE"
        elif flag == "SCHED_FLAG_KEEP_PARAMS" and (scheduler.get("nice") or scheduler.get("priority")):
            yield place, flag, "must be left out, or nice and priority must be: it keeps those of the runtime"


def affinity_is_a_list(config: Config) -> Iterator[Problem]:
    """`execCPUAffinity`: a comma-separated list, with dashes to represent ranges."""
    for name, text in config.get("process", {}).get("execCPUAffinity", {}).items():
        if name in ("initial", "final") and not is_list(text):
            yield f"/process/execCPUAffinity/{name}", text, "a list of CPUs such as 0-3,7"


def is_list(text: str) -> bool:
    """Whether `text` is empty or numbers and ranges, as in `0-3,7`."""
    from pyoci import number_list  # seldom

    try:
        number_list.parse(text)
    except ValueError:
        return False
    return True


RULES = (
    args_are_given,
    env_names_values,
    strings_can_be_passed_on,
    groups_fit,
    console_size_fits,
    rlimit_types_differ,
    soft_rlimit_is_below_hard,
    no_windows_properties,
    scheduler_fits_policy,
    scheduler_flags_have_an_effect,
    affinity_is_a_list,
)
