"""A process and its descendants: end all of them."""

from __future__ import annotations

import posix
import time

from pyoci.kernel import pidfd, proc_stat, read_text, signals

_ROUNDS = 100  # of looking for new children; each process that is found has stopped, and makes no more
_STOPPED = proc_stat.STOPPED + proc_stat.DEAD
_STOP_WITHIN = 0.2  # seconds: one that waits for a disk stops later, and forks as little
_DIE_WITHIN = 5.0


def kill(pid: int) -> None:
    """SIGKILL to the child `pid` of the caller and to all that descend from it, if not adopted by another meanwhile.

    They are stopped first, parents before their children: a stopped process neither forks nor waits, so none is missed,
    and no number that is found can come to mean another process. Returns once all except `pid` are gone.
    """
    pids = [pid]
    _stop(pid)
    for _ in range(_ROUNDS):
        new = [child for parent in pids for child in _children(parent) if child not in pids]
        if not new:
            break
        for child in new:
            _stop(child)
        pids += new
    held = [fd for child in pids[1:] if (fd := pidfd.open(child, proc_stat.start_time(child))) is not None]
    for process in reversed(pids):
        _send(process, signals.KILL)
    deadline = time.monotonic() + _DIE_WITHIN
    for fd in held:
        pidfd.wait(fd, max(0.0, deadline - time.monotonic()))
        pidfd.close(fd)


def _stop(pid: int) -> None:
    """The signal is sent; on another CPU the process may go on for a moment, and fork."""
    _send(pid, signals.STOP)
    deadline = time.monotonic() + _STOP_WITHIN
    while (facts := proc_stat.stat(pid)) is not None and facts[0] not in _STOPPED and time.monotonic() < deadline:
        time.sleep(0.0002)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for task in posix.listdir(f"/proc/{pid}/task"):
            children += [int(word) for word in read_text(f"/proc/{pid}/task/{task}/children").split()]
    except OSError:
        pass  # it has ended, or this kernel has no such list (CONFIG_PROC_CHILDREN)
    return children


def _send(pid: int, signal: int) -> None:
    try:
        posix.kill(pid, signal)
    except OSError:
        pass  # it has ended, or is another user's
