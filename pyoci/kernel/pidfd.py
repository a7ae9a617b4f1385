"""A process held by a descriptor: no signal reaches another that got its number. See pidfd_open(2)."""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import LATE_SIGNAL, proc_stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal

# ESRCH; EINVAL, ENOENT since Linux 6.9: its number lives on as that of its session, or is a thread's by now
_GONE = (errno.ESRCH, errno.EINVAL, errno.ENOENT)
_HOW = posix.WEXITED | posix.WNOHANG | posix.WNOWAIT


def open(pid: int, start: int) -> int | None:
    """A close-on-exec descriptor of the process with this number and start time; None when it has exited.

    The start time is compared after opening: from then on the number cannot mean another process.
    """
    try:
        fd = posix.pidfd_open(pid)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise SyscallError(error.errno or 0, f"pidfd_open {pid}") from None
    if proc_stat.is_alive(pid, start):
        return fd
    posix.close(fd)
    return None


def close(fd: int) -> None:
    posix.close(fd)


def send(fd: int, signal: int) -> bool:
    """Send a signal; False when the process has exited. Raises SyscallError."""
    try:
        _signal.pidfd_send_signal(fd, signal)
    except OSError as error:
        if error.errno == errno.ESRCH:
            return False
        raise SyscallError(error.errno or 0, f"pidfd_send_signal {signal}") from None
    return True


def wait(fd: int, timeout: float) -> bool:
    """Wait up to `timeout` seconds for the process to exit (a zombie has); whether it did."""
    import select  # a shared object that `state` and `kill` do without

    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(timeout * 1000))


def until_exit(child: int) -> None:
    """Wait for a child that ends when it likes; a signal ends the wait."""
    fd = posix.pidfd_open(child)
    try:
        while not wait(fd, LATE_SIGNAL):
            pass
    finally:
        posix.close(fd)


def how_ended(child: int, patience: float) -> int | None:
    """The exit code, by posix.waitstatus_to_exitcode, of a child of ours, which stays to be waited for.

    None when it has not ended after `patience` seconds, or a tracer keeps it to itself. A process closes its
    descriptors before it has ended: who sees the end of a channel sees that a moment earlier.
    """
    try:
        fd = posix.pidfd_open(child)
    except OSError:
        return None
    try:
        ended = posix.waitid(posix.P_PID, child, _HOW) if wait(fd, patience) else None
    except ChildProcessError:
        return None
    finally:
        posix.close(fd)
    if ended is None:
        return None
    return ended.si_status if ended.si_code == posix.CLD_EXITED else -ended.si_status


def reap(pid: int, patience: float) -> int | None:
    """The status of our child `pid`, which has exited, as waitpid(2) tells it.

    None when a tracer in the container keeps it to itself for `patience` seconds: the kernel tells the parent after the
    tracer has taken notice (ptrace(2)), and waitpid would wait for that for ever. Raises ChildProcessError.
    """
    import time

    deadline = time.monotonic() + patience
    while True:
        ended, status = posix.waitpid(pid, posix.WNOHANG)
        if ended:
            return status
        if time.monotonic() > deadline:
            return None
        time.sleep(0.01)
