"""A process and its descendants: name them, end all of them."""

from __future__ import annotations

import posix
import time

from pyoci.errors import SyscallError
from pyoci.kernel import pidfd, proc_stat, read_text, signals

_ROUNDS = 100  # of looking for new children; each process that is found has stopped, and makes no more
_STOPPED = proc_stat.STOPPED + proc_stat.DEAD
_STOP_WITHIN = 0.2  # seconds: one that waits for a disk stops later, and forks as little
_DIE_WITHIN = 5.0


def kill(pid: int) -> None:
    """SIGKILL to the child `pid` of the caller and to all that descend from it, if not adopted by another meanwhile.

    They are stopped first, parents before their children: a stopped process neither forks nor waits, so none is missed.
    Another process of the container may let it go on (SIGCONT); then a number that was found can come to mean a process
    of the host. So each is held by a descriptor, and counts when its parent lists it after that. Returns once all
    except `pid` are gone.
    """
    held = {pid: posix.pidfd_open(pid)}
    try:
        _stop(pid, held[pid])
        for _ in range(_ROUNDS):
            new = {child: fd for parent in held for child, fd in _hold_children(parent, held).items()}
            if not new:
                break
            held |= new
            for child, fd in new.items():
                _stop(child, fd)
        for fd in reversed(held.values()):
            _send(fd, signals.KILL)
        deadline = time.monotonic() + _DIE_WITHIN
        for number, fd in held.items():
            if number != pid:
                pidfd.wait(fd, max(0.0, deadline - time.monotonic()))
    finally:
        for fd in held.values():
            posix.close(fd)


def descendants(pid: int) -> list[int]:
    """The numbers of all processes that descend from `pid`, which stand still."""
    numbers = [pid]
    for number in numbers:
        numbers += [child for child in _children(number) if child not in numbers]
    return numbers[1:]


def _hold_children(parent: int, held: dict[int, int]) -> dict[int, int]:
    """Descriptors of the children of a process that is held, by their numbers, without those that are held."""
    opened: dict[int, int] = {}
    for child in _children(parent):
        if child not in held:
            try:
                opened[child] = posix.pidfd_open(child)
            except OSError:
                continue  # it has ended
    listed = _children(parent) if opened else []
    if opened and pidfd.wait(held[parent], 0):
        listed = []  # the number of the parent is free by now
    for child in set(opened).difference(listed):
        posix.close(opened.pop(child))
    return opened


def _stop(pid: int, fd: int) -> None:
    """The signal is sent; on another CPU the process may go on for a moment, and fork."""
    _send(fd, signals.STOP)
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


def _send(fd: int, signal: int) -> None:
    try:
        pidfd.send(fd, signal)
    except SyscallError:
        pass  # it is another user's
