"""The processes in groups, and signals to them.

A number from cgroup.procs may be another process's by the time that a signal is sent to it. So a process is opened by
its number first (pidfd_open(2)), and signalled when the group still lists the number after that: then the descriptor
is of a process of the group, or of one that has exited.
"""

from __future__ import annotations

import errno
import posix

from pyoci.cgroups import files, walk
from pyoci.errors import CgroupError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Iterator

    from pyoci.cgroups import Cgroup
else:
    import _signal

_BATCH = 64  # descriptors of processes open at once
_ROUNDS = 200


def pids(top: int) -> list[int]:
    """Every process in the group and below it, sorted. Raises CgroupError."""
    numbers: set[int] = set()
    for group in walk.groups(top):
        numbers.update(direct(group))
    return sorted(numbers)


def direct(group: int, alone: bool = False) -> list[int]:
    """The processes of this one group, as far as this PID namespace sees them; none when it was removed.

    `alone`: without those in groups below it, which the root of a threaded subtree lists, too; threads are listed then.
    """
    name = "cgroup.procs"
    if alone and posix.access("cgroup.threads", posix.F_OK, dir_fd=group):  # v1 has no such file, and no such groups
        name = "cgroup.threads"
    try:
        text = files.read_raw(name, group)
    except OSError as error:
        if error.errno in files.GONE or error.errno == errno.EOPNOTSUPP:
            return []  # EOPNOTSUPP: a threaded group, whose processes are listed above it
        raise CgroupError(f"read cgroup.procs of a container: {reason(error)}") from None
    return [pid for pid in map(int, text.split()) if pid]  # 0: this PID namespace does not see it


def signal_once(top: int, signal: int, entered: Callable[[int], bool] | None = None) -> int:
    """Signal each process of the groups that `walk.groups(top, entered)` yields; how many. Raises CgroupError."""
    return sum(_signal_group(group, signal, None, entered is not None) for group in walk.groups(top, entered))


def signal_until_quiet(top: int, signal: int, entered: Callable[[int], bool] | None = None) -> None:
    """`signal_once` until no process shows up that was not signalled: for groups that are not frozen meanwhile.

    Raises CgroupError when they fork faster than that.
    """
    signalled: set[int] = set()
    for _ in range(_ROUNDS):
        alone = entered is not None
        if not sum(_signal_group(group, signal, signalled, alone) for group in walk.groups(top, entered)):
            return
    raise CgroupError(f"send signal {signal}: the processes of the container fork faster than they are signalled")


def signal_standing_still(cgroup: Cgroup, top: int, signal: int) -> None:
    """Signal all of the group's processes while they are frozen, so that none forks meanwhile. Raises CgroupError."""
    was_frozen = cgroup.is_frozen()
    try:
        if not was_frozen:
            cgroup.freeze(True)
    except CgroupError:
        # there is no freezer, or a process in the kernel does not freeze in time
        signal_until_quiet(top, signal)
        return
    try:
        signal_once(top, signal)
    finally:
        if not was_frozen:
            cgroup.freeze(False)


def _signal_group(group: int, signal: int, signalled: set[int] | None, alone: bool) -> int:
    count = 0
    for batch in _batches([pid for pid in direct(group, alone) if signalled is None or pid not in signalled]):
        held: dict[int, int] = {}
        try:
            for pid in batch:
                fd = _hold(pid)
                if fd >= 0:
                    held[pid] = fd
            for pid in set(direct(group, alone)).intersection(held):
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
        # EINVAL, ENOENT since Linux 6.9: a thread, or the leader has exited before its threads; ESRCH: all have
        if error.errno in (errno.ESRCH, errno.EINVAL, errno.ENOENT):
            return -1
        raise CgroupError(f"open process {pid}: {reason(error)}") from None


def _send(fd: int, pid: int, signal: int) -> int:
    try:
        _signal.pidfd_send_signal(fd, signal)
    except ProcessLookupError:
        return 0
    except OSError as error:
        raise CgroupError(f"send signal {signal} to process {pid}: {reason(error)}") from None
    return 1
