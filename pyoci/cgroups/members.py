"""The processes in groups, and signals to them.

A number from cgroup.procs may be another process's by the time that a signal is sent to it. So a process is opened by
its number first (pidfd_open(2)), and signalled when the group still lists the number after that: then the descriptor
is of a process of the group, or of one that has exited.
"""

from __future__ import annotations

import errno
import posix

from pyoci.cgroups import files, walk
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Iterator
else:
    import _signal

_BATCH = 64  # descriptors of processes open at once
_ROUNDS = 200


def pids(top: int) -> list[int]:
    """Every process in the group and below it, sorted. Raises CgroupError."""
    found: set[int] = set()
    for group in walk.groups(top):
        found.update(direct(group))
    return sorted(found)


def direct(group: int) -> list[int]:
    """The processes of this one group, as far as this PID namespace sees them; none when it was removed."""
    try:
        text = files.read_raw("cgroup.procs", group)
    except OSError as error:
        if error.errno in files.GONE or error.errno == errno.EOPNOTSUPP:
            return []  # EOPNOTSUPP: a threaded group, whose processes are listed above it
        raise CgroupError(f"read cgroup.procs of a container: {files.reason(error)}") from None
    return [pid for pid in map(int, text.split()) if pid]  # 0: this PID namespace does not see it


def signal_once(top: int, signal: int, entered: Callable[[int], bool] | None = None) -> int:
    """Signal each process of the groups that `walk.groups(top, entered)` yields; how many. Raises CgroupError."""
    return sum(_signal_group(group, signal, None) for group in walk.groups(top, entered))


def signal_until_quiet(top: int, signal: int, entered: Callable[[int], bool] | None = None) -> None:
    """`signal_once` until no process shows up that was not signalled: for groups that are not frozen meanwhile.

    Raises CgroupError when they fork faster than that.
    """
    signalled: set[int] = set()
    for _ in range(_ROUNDS):
        if not sum(_signal_group(group, signal, signalled) for group in walk.groups(top, entered)):
            return
    raise CgroupError(f"send signal {signal}: the processes of the container fork faster than they are signalled")


def _signal_group(group: int, signal: int, signalled: set[int] | None) -> int:
    count = 0
    for batch in _batches([pid for pid in direct(group) if signalled is None or pid not in signalled]):
        held: dict[int, int] = {}
        try:
            for pid in batch:
                fd = _hold(pid)
                if fd >= 0:
                    held[pid] = fd
            for pid in set(direct(group)).intersection(held):
                count += _send(held[pid], pid, signal)
                if signalled is not None:
                    signalled.add(pid)
        finally:
            for fd in held.values():
                posix.close(fd)
    return count


def _batches(numbers: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), _BATCH):
        yield numbers[start : start + _BATCH]


def _hold(pid: int) -> int:
    try:
        return posix.pidfd_open(pid)
    except OSError as error:
        # EINVAL: the leader of a thread group has exited before its threads; ESRCH: all have
        if error.errno in (errno.ESRCH, errno.EINVAL):
            return -1
        raise CgroupError(f"open process {pid}: {files.reason(error)}") from None


def _send(fd: int, pid: int, signal: int) -> int:
    try:
        _signal.pidfd_send_signal(fd, signal)
    except ProcessLookupError:
        return 0
    except OSError as error:
        raise CgroupError(f"send signal {signal} to process {pid}: {files.reason(error)}") from None
    return 1
