"""Attributes of a process: prctl(2), ids, limits, descriptors, scheduling."""

from __future__ import annotations

import _struct
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import _raw, uapi
from pyoci.kernel.call import SYS, encode, syscall
from pyoci.kernel.deferred import Call

RLIMITS = "/process/rlimits"
_ALL_CPUS = b"\xff" * 1024


def prctl(option: int, a: int | bytes = 0, b: int = 0, c: int = 0, d: int = 0, *, what: str) -> int:
    try:
        return syscall(SYS["prctl"], option, a, b, c, d)
    except OSError as error:
        raise SyscallError(error.errno or 0, what) from None


def clone(flags: int, cgroup_fd: int = -1) -> tuple[int, int]:
    """fork(2) into new namespaces: (pid, pidfd), pid 0 in the child. See clone3(2)."""
    try:
        return _raw.clone3(flags, cgroup_fd)
    except OSError as error:
        names = {flag: name for name, flag in uapi.NAMESPACE_FLAGS.items()} | {uapi.CLONE_PARENT: "parent"}
        what = f"clone3 namespaces={uapi.flag_names(flags, names)}"
        raise SyscallError(error.errno or 0, what).at("/linux/namespaces") from None


def set_name(name: str) -> None:
    """The name that `ps` shows (comm): 15 characters."""
    prctl(uapi.PR_SET_NAME, name.encode()[:15] + b"\0", what="set process name")


def set_dumpable(dumpable: bool) -> None:
    """Whether others with the same ids may look at this process (/proc/PID/exe, fd, mem; ptrace).

    CVE-2016-9962: the runtime inside a container must not be reachable from it.
    """
    prctl(uapi.PR_SET_DUMPABLE, int(dumpable), what="set dumpable")


def die_with_parent(signal: int, parent: int = 0) -> None:
    """Get `signal` when the parent dies; 0 undoes it.

    `parent` is its number, where the caller waits for no message whose end would tell: a parent that has died before
    this call sends no signal (PR_SET_PDEATHSIG(2const)), so the process ends here.
    """
    prctl(uapi.PR_SET_PDEATHSIG, signal, what="set parent death signal")
    if parent and posix.getppid() not in (0, parent):  # 0: the parent is outside of this PID namespace
        posix.kill(posix.getpid(), signal)


def working_directory() -> bytes:
    """Its path beneath this process's root; empty when it is outside of it. Raises OSError.

    getcwd(2) says "(unreachable)" of a directory outside of it; Python's wrapper hides that.
    """
    buffer = bytearray(4097)
    length = syscall(SYS["getcwd"], buffer, len(buffer))
    return bytes(buffer[: length - 1]) if buffer.startswith(b"/") else b""


def forget_caller() -> None:
    """/proc/PID/cmdline and environ show what this process is called, and nothing of who called the runtime."""
    _raw.forget_caller()


def become_subreaper() -> None:
    prctl(uapi.PR_SET_CHILD_SUBREAPER, 1, what="become a child subreaper")


def no_new_privs() -> Call:
    return Call(name="prctl", arguments=(uapi.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), words="set no_new_privs")


def set_no_new_privs() -> None:
    prctl(uapi.PR_SET_NO_NEW_PRIVS, 1, what="set no_new_privs")


def close_on_exec_from(first: int) -> None:
    """Mark every descriptor from `first` on as close-on-exec."""
    try:
        syscall(SYS["close_range"], first, 0xFFFFFFFF, uapi.CLOSE_RANGE_CLOEXEC)
    except OSError as error:
        raise SyscallError(error.errno or 0, "close_range") from None


def close_all_but(keep: list[int]) -> None:
    """Close every descriptor from 3 on that is not in `keep`."""
    first = 3
    for last in (*sorted({fd for fd in keep if fd >= 3}), 1 << 32):
        if last > first:
            try:
                syscall(SYS["close_range"], first, last - 1, 0)
            except OSError as error:
                raise SyscallError(error.errno or 0, "close_range") from None
        first = last + 1


def set_rlimit(number: int, soft: int, hard: int, name: str, pid: int = 0, place: str = "") -> None:
    """prlimit(2) on this process, or on `pid`; a failure is about `place`."""
    limit = _struct.pack("=QQ", soft, hard)
    try:
        syscall(SYS["prlimit64"], pid, number, limit, None)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"set {name} soft={soft} hard={hard}").at(place) from None


def raise_hard_limit(number: int, soft: int, hard: int, name: str, pid: int = 0) -> None:
    """Make room for `own_rlimit`, which needs no privilege then; the soft limit of the process stays. `soft` is for the
    words of a failure.
    """
    soft_now, hard_now = get_rlimit(number, pid, RLIMITS)
    if hard <= hard_now:
        return
    try:
        syscall(SYS["prlimit64"], pid, number, _struct.pack("=QQ", soft_now, hard), None)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"set {name} soft={soft} hard={hard}").at(RLIMITS) from None


def own_rlimit(number: int, soft: int, hard: int, name: str) -> Call:
    """prlimit(2) on the process that makes it."""
    limit = _struct.pack("=QQ", soft, hard)
    words = f"set {name} soft={soft} hard={hard}"
    return Call(name="prlimit64", arguments=(0, number, limit, 0), words=words, place=RLIMITS)


def get_rlimit(number: int, pid: int = 0, place: str = "") -> tuple[int, int]:
    buffer = bytearray(16)
    try:
        syscall(SYS["prlimit64"], pid, number, None, buffer)
    except OSError as error:
        raise SyscallError(error.errno or 0, "get a resource limit").at(place) from None
    soft, hard = _struct.unpack("=QQ", buffer)
    return soft, hard


def scheduler(
    policy: int, flags: int, nice: int, priority: int, runtime: int, deadline: int, period: int, what: str
) -> Call:
    """sched_setattr(2) on the process that makes it."""
    attributes = _struct.pack("=IIQiIQQQ", 48, policy, flags, nice, priority, runtime, deadline, period)
    return Call(
        name="sched_setattr", arguments=(0, attributes, 0), words=f"set scheduler {what}", place="/process/scheduler"
    )


def new_session() -> Call:
    return Call(name="setsid", arguments=(), words="make a session (setsid)")


def set_io_priority(io_class: int, priority: int, what: str) -> None:
    """ioprio_set(2) on this process (IOPRIO_WHO_PROCESS); its children have it, too."""
    try:
        syscall(SYS["ioprio_set"], 1, 0, io_class << 13 | priority)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"set io priority {what}").at("/process/ioPriority") from None


def set_memory_policy(mode: int, nodemask: bytes, maximum: int, what: str) -> None:
    """set_mempolicy(2)."""
    try:
        syscall(SYS["set_mempolicy"], mode, nodemask or None, maximum)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"set memory policy {what}").at("/linux/memoryPolicy") from None


def set_personality(domain: int) -> None:
    try:
        syscall(SYS["personality"], domain)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"set personality {domain:#x}").at("/linux/personality") from None


def reset_cpu_affinity() -> None:
    """All CPUs: the cpuset decides, not what the caller of the runtime was pinned to.

    Not os.cpu_count(): the C library would ask a file of /sys, which is the container's once its mounts are entered.
    """
    try:
        syscall(SYS["sched_setaffinity"], 0, len(_ALL_CPUS), _ALL_CPUS)  # the kernel leaves out those that do not exist
    except OSError:
        pass  # EINVAL when the cpuset excludes all of these: then it already rules


def set_affinity(cpus: str, pid: int = 0) -> None:
    """sched_setaffinity(2): `cpus` are numbers with commas."""
    try:
        posix.sched_setaffinity(pid, [int(number) for number in cpus.split(",")])
    except OSError as error:
        raise SyscallError(error.errno or 0, f"set cpu affinity {cpus}").at("/process/execCPUAffinity") from None


def set_host_name(name: str) -> None:
    encoded = encode(name)
    try:
        syscall(SYS["sethostname"], encoded, len(encoded))
    except OSError as error:
        raise SyscallError(error.errno or 0, f"set hostname {name!r}").at("/hostname") from None


def set_domain_name(name: str) -> None:
    encoded = encode(name)
    try:
        syscall(SYS["setdomainname"], encoded, len(encoded))
    except OSError as error:
        raise SyscallError(error.errno or 0, f"set domainname {name!r}").at("/domainname") from None
