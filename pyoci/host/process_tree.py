"""A process and its descendants: end all of them."""

from __future__ import annotations

import posix

from pyoci.kernel import signals

_ROUNDS = 100  # of looking for new children; each process that is found has stopped, and makes no more


def kill(pid: int) -> None:
    """SIGKILL to the child `pid` of the caller and to all that descend from it, if not adopted by another meanwhile.

    They are stopped first, parents before their children: a stopped process neither forks nor waits, so no number that
    is found can come to mean another process.
    """
    found = [pid]
    _send(pid, signals.STOP)
    for _ in range(_ROUNDS):
        new = [child for parent in found for child in _children(parent) if child not in found]
        if not new:
            break
        for child in new:
            _send(child, signals.STOP)
        found += new
    for process in reversed(found):
        _send(process, signals.KILL)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in posix.listdir(f"/proc/{pid}/task"):
            fd = posix.open(f"/proc/{pid}/task/{task}/children", posix.O_RDONLY | posix.O_CLOEXEC)
            try:
                while part := posix.read(fd, 1 << 16):
                    found += [int(word) for word in part.split()]
            finally:
                posix.close(fd)
    except OSError:
        pass  # it has ended, or this kernel has no such list (CONFIG_PROC_CHILDREN)
    return found


def _send(pid: int, signal: int) -> None:
    try:
        posix.kill(pid, signal)
    except OSError:
        pass  # it has ended, or is another user's
