"""The system calls that a seccomp filter allows, in groups that a person knows. Pure."""

from __future__ import annotations

from pyoci.kernel import uapi
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.wire.seccomp import SeccompPlan

ALLOWED, PARTLY, DENIED = "allowed", "partly", "denied"

# SECCOMP_RET_* -> what it means for the call
_STATES = {
    "ALLOW": ALLOWED,
    "LOG": ALLOWED,
    "NOTIFY": PARTLY,  # an agent decides
    "ERRNO": DENIED,
    "KILL_PROCESS": DENIED,
    "KILL_THREAD": DENIED,
    "TRACE": DENIED,  # without a tracer it is ENOSYS
    "TRAP": DENIED,
}

# A group is what a person fears, with the calls that do it. One allowed call allows what the group stands for.
GROUPS = {
    "mount file systems": "mount umount2 pivot_root open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr",
    "make or join namespaces": "unshare setns",
    "load kernel modules": "init_module finit_module delete_module",
    "replace or restart the kernel": "kexec_load kexec_file_load reboot",
    "trace other processes": "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd",
    "load BPF programs": "bpf",
    "measure the kernel's performance": "perf_event_open",
    "handle page faults in user space": "userfaultfd",
    "queue calls past the filter (io_uring)": "io_uring_setup io_uring_enter io_uring_register",
    "use the kernel's keyrings": "add_key request_key keyctl",
    "set the clock": "settimeofday clock_settime clock_adjtime adjtimex stime",
    "use I/O ports": "ioperm iopl",
    "switch swap, quota and accounting": "swapon swapoff quotactl acct",
    "read the kernel's log": "syslog",
    "open files by handle": "open_by_handle_at",
    "change the memory policy": "set_mempolicy mbind move_pages migrate_pages",
    "change the personality": "personality",
}


class Group(Record):
    """The verdict on a group: `state` is allowed (all of it), partly or denied."""

    name: str
    state: str


def groups(plan: SeccompPlan) -> list[Group]:
    """Every group of GROUPS under this filter."""
    names = []
    for name, calls in GROUPS.items():
        verdicts = {verdict(plan, call) for call in calls.split()}
        names.append(Group(name=name, state=verdicts.pop() if len(verdicts) == 1 else PARTLY))
    return names


def verdict(plan: SeccompPlan, call: str) -> str:
    """The filter's verdict on one system call: partly when that depends on arguments or on the agent."""
    seen = set()
    unconditional = False
    for rule in plan.rules:
        if call in rule.names:
            seen.add(_of(rule.action))
            unconditional = unconditional or not rule.args
    if not unconditional:
        seen.add(_of(plan.default_action))
    return seen.pop() if len(seen) == 1 else PARTLY


def _of(action: int) -> str:
    kind = action & uapi.SECCOMP_RET_ACTION_FULL
    return next(_STATES[name] for name, number in uapi.SECCOMP_RET.items() if number == kind)
