"""The steps that set up the container's process and take away its rights."""

from __future__ import annotations

from pyoci.explain import calls
from pyoci.explain.model import Step
from pyoci.kernel import uapi
from pyoci.plan import capabilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyoci.wire.plan import Plan, Process

_NUMBERS_SHOWN = 12


def process(plan: Plan) -> Iterator[Step]:
    process = plan.process
    if process is None:
        return
    if process.terminal:
        yield _step("terminal", "a terminal", "/dev/pts/N, TIOCSCTTY")
    yield from _scheduling(process)
    for index, (name, _, soft, hard) in enumerate(process.rlimits):
        action = f"limit {name.removeprefix('RLIMIT_')} to {limit(soft)}, {limit(hard)} at the most"
        yield _step(f"rlimits/{index}", action, f"prlimit {name}")
    groups = f", groups {', '.join(map(str, process.additional_gids))}" if process.additional_gids else ""
    action = f"run as user {process.uid}, group {process.gid}{groups}"
    yield _step("user", action, "setgroups, setresgid, setresuid")
    if process.umask is not None:
        yield _step("user/umask", f"umask {process.umask:#o}", "umask")
    yield _step("cwd", f"work in {process.cwd}", "chdir")
    yield from _rights(process)


def _step(name: str, action: str, kernel: str) -> Step:
    """That of the property `name` of /process."""
    return Step(stage="process", pointer=f"/process/{name}", action=action, kernel=kernel)


def _scheduling(process: Process) -> Iterator[Step]:
    score = process.oom_score_adj
    if score is not None:
        yield _step("oomScoreAdj", f"weigh {score} when memory runs out", f"oom_score_adj = {score}")
    if process.scheduler is not None:
        yield _step("scheduler", "schedule it in a way of its own", f"sched_setattr {process.scheduler.words}")
    if process.io_priority is not None:
        yield _step("ioPriority", "a priority for I/O", f"ioprio_set {process.io_priority[2]}")


def limit(value: int) -> str:
    """A resource limit for a person."""
    return "unlimited" if value == (1 << 64) - 1 else str(value)


def _rights(process: Process) -> Iterator[Step]:
    sets = process.capabilities
    for name, mask in (
        ("bounding", sets.bounding),
        ("permitted", sets.permitted),
        ("effective", sets.effective),
        ("inheritable", sets.inheritable),
        ("ambient", sets.ambient),
    ):
        if mask or name == "bounding":
            action = f"keep {capability_words(mask)} ({name})"
            yield _step(f"capabilities/{name}", action, _capability_calls(name, mask))
    if process.no_new_privileges:
        yield _step("noNewPrivileges", "gain no rights by set-user-ID programs", "prctl PR_SET_NO_NEW_PRIVS")
    if process.apparmor_profile:
        action = f"confine it by the AppArmor profile {process.apparmor_profile}"
        yield _step("apparmorProfile", action, "attr/apparmor/exec")
    if process.selinux_label:
        yield _step("selinuxLabel", f"confine it by the SELinux label {process.selinux_label}", "attr/exec")
    yield from _seccomp(process)


def capability_words(mask: int) -> str:
    """The names of a set, or how few it lacks."""
    names = [name.removeprefix("CAP_") for name in capabilities.names(mask)]
    everything = len(uapi.CAPABILITIES)
    if not names:
        return "no capability"
    if len(names) == everything:
        return "all capabilities"
    if len(names) > everything - _NUMBERS_SHOWN:
        lacking = capabilities.names(~mask & ((1 << everything) - 1))
        return f"all capabilities except {', '.join(name.removeprefix('CAP_') for name in lacking)}"
    return f"{len(names)} of {everything} capabilities: {', '.join(names)}"


def _capability_calls(name: str, mask: int) -> str:
    call = {"bounding": "prctl PR_CAPBSET_DROP", "ambient": "prctl PR_CAP_AMBIENT"}.get(name, "capset")
    return f"{call} {mask:#x}"


def _seccomp(process: Process) -> Iterator[Step]:
    plan = process.seccomp
    if plan is None:
        return
    pointer = "/linux/seccomp"
    yield Step(
        stage="process",
        pointer=pointer,
        action=f"filter system calls ({len(plan.rules)} rule{'' if len(plan.rules) == 1 else 's'})",
        kernel="seccomp SECCOMP_SET_MODE_FILTER",
    )
    groups = calls.groups(plan)
    for state, words in ((calls.DENIED, "deny"), (calls.PARTLY, "deny in part")):
        names = [group.name for group in groups if group.state == state]
        if names:
            yield Step(stage="process", pointer=pointer, action=f"{words}: {'; '.join(names)}")
