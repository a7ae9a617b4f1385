"""A process that executes nothing until it is let go: held from its birth by ptrace(2).

Nobody else can trace it meanwhile, or have it go on.
"""

from __future__ import annotations

import _struct
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import uapi
from pyoci.kernel.call import SYS, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS = uapi.PTRACE_O_TRACEFORK | uapi.PTRACE_O_TRACECLONE | uapi.PTRACE_O_EXITKILL
_STOPPED_OR_ENDED = posix.WSTOPPED | posix.WEXITED | posix.WNOWAIT | posix.WNOHANG
_NUMBER = _struct.Struct("L")


def hold_next_child(pid: int) -> bool:
    """Have the next child of our child `pid` stop before its first instruction; it dies with us.

    False where nobody may trace that process: a filter around us refuses the call, we have no right to it, or another
    one traces it already (`strace -f`).
    """
    try:
        syscall(SYS["ptrace"], uapi.PTRACE_SEIZE, pid, 0, _OPTIONS)
    except OSError:
        return False
    return True


def held_child(pid: int, wait_until: Callable[[Callable[[], bool]], None]) -> int:
    """Wait for that child, and let `pid` go: the child's number, 0 when `pid` has ended without one.

    `wait_until` is called with a question, whether a process has stopped. It raises an error when the wait is too long:
    in a frozen cgroup a process never gets that far.
    """
    try:
        while not _is_parent(_stop(pid, wait_until), pid):
            pass
        number = bytearray(_NUMBER.size)
        syscall(SYS["ptrace"], uapi.PTRACE_GETEVENTMSG, pid, 0, number)
        child: int = _NUMBER.unpack(number)[0]
        _stop(child, wait_until)
    except ProcessLookupError:
        return 0
    except OSError as error:
        raise SyscallError(error.errno or 0, f"wait for the child of process {pid}") from None
    let_go(pid)
    return child


def _stop(pid: int, wait_until: Callable[[Callable[[], bool]], None]) -> posix.waitid_result | None:
    stop: posix.waitid_result | None = None

    def has_stopped() -> bool:
        nonlocal stop
        stop = posix.waitid(posix.P_PID, pid, _STOPPED_OR_ENDED)
        return stop is not None

    wait_until(has_stopped)
    return stop


def _is_parent(stop: posix.waitid_result | None, pid: int) -> bool:
    """Whether `pid` has stopped for a child. From another stop it goes on; ProcessLookupError when it has ended."""
    if stop is None or stop.si_code in (posix.CLD_EXITED, posix.CLD_KILLED, posix.CLD_DUMPED):
        raise ProcessLookupError
    event, signal = stop.si_status >> 8, stop.si_status & 0xFF
    if event in (uapi.PTRACE_EVENT_FORK, uapi.PTRACE_EVENT_CLONE):
        return True
    # it is about to get a signal, or to be stopped by one
    syscall(SYS["ptrace"], uapi.PTRACE_CONT, pid, 0, 0 if event else signal)
    return False


def let_go(pid: int) -> None:
    """Nothing happens when it has ended."""
    try:
        syscall(SYS["ptrace"], uapi.PTRACE_DETACH, pid, 0, 0)
    except ProcessLookupError:
        pass
