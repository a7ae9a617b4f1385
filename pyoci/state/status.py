"""The status of a container: what the kernel says about its init, never what a command once wrote down.

    creating  create is at work          created  init waits for start          running  its program runs
    paused    its cgroup is frozen       stopped  its init has exited

See runtime.md, State; `paused` is an additional value as runc has it.
"""

from __future__ import annotations

import errno
import posix

from pyoci.errors import StateError, SyscallError
from pyoci.kernel import proc_stat
from pyoci.state import model
from pyoci.state.store import START_SOCKET, Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cgroups import Cgroup
    from pyoci.state.model import State

CREATING, CREATED, RUNNING, PAUSED, STOPPED = (
    model.CREATING, model.CREATED, model.RUNNING, model.PAUSED, model.STOPPED
)  # fmt: skip
BEING_CREATED = "it is being created"


def look(entry: Entry) -> tuple[State, str]:
    """The container's record and one of the words above.

    Raises what `Entry.read` does, SyscallError and CgroupError when the kernel does not tell.
    """
    state = entry.read()
    if state.pid:
        return state, status(entry, state)
    if creator_lives(state):
        return state, CREATING
    # `create` writes the number of init before it exits, and may have done so since the record was read.
    state = entry.read()
    # Without a number it was killed: nothing that it left can still become a container.
    return state, status(entry, state) if state.pid else STOPPED


def made(entry: Entry, action: str) -> State:
    """The record of a container that `create` has finished, or was killed in: it does not change any more.

    Raises StateError, which says that `action` comes too early, and what `look` raises.
    """
    state = entry.read()
    if not state.pid:
        state, current = look(entry)
        if current == CREATING:
            raise StateError(f"{action} {entry.id}: {BEING_CREATED}")
    return state


def status(entry: Entry, state: State) -> str:
    """The status of a container whose init was made. Raises SyscallError, CgroupError."""
    if not init_lives(state):
        return STOPPED
    if is_frozen(state):
        return PAUSED
    return CREATED if waits_for_start(entry) else RUNNING


def init_lives(state: State) -> bool:
    """Whether the init that `create` made still runs."""
    return state.pid != 0 and _lives(state, state.pid, state.pid_start)


def creator_lives(state: State) -> bool:
    """Whether the `create` (or `run`) command that made the entry still runs."""
    return state.creator_pid != 0 and _lives(state, state.creator_pid, state.creator_start)


def hold_init(state: State) -> int | None:
    """A pidfd of the container's init, owned by the caller; None when it has exited or is not made yet."""
    return _hold(state, state.pid, state.pid_start)


def hold_creator(state: State) -> int | None:
    """A pidfd of the `create` command, owned by the caller; None when it has exited."""
    return _hold(state, state.creator_pid, state.creator_start)


def cgroup(state: State) -> Cgroup:
    """The container's cgroup; `state.cgroup` must not be empty."""
    # Here and not at the top: a container that has stopped need not pay for it.
    from pyoci import cgroups

    return cgroups.reopen(state.cgroup)


def cgroup_left(state: State) -> Cgroup | None:
    """The cgroup of a container whose init may have exited long ago; None without one, or before this boot."""
    return cgroup(state) if state.cgroup and is_this_boot(state) else None


def is_frozen(state: State) -> bool:
    """Whether the container's cgroup is frozen."""
    return bool(state.cgroup) and cgroup(state).is_frozen()


def waits_for_start(entry: Entry) -> bool:
    """Whether init still holds the start socket open, which execve closes."""
    try:
        posix.stat(START_SOCKET, dir_fd=entry.dirfd, follow_symlinks=False)
    except FileNotFoundError:
        return False  # `start` unlinks it: the usual case of a running container, without loading _socket
    import _socket

    with_init = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        with_init.connect(start_path(entry))
    except OSError as error:
        if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
            return False
        raise SyscallError(error.errno or 0, f"connect {entry.path}/{START_SOCKET}") from None
    finally:
        with_init.close()
    return True


def start_path(entry: Entry) -> str:
    """The start socket by a name that always fits: sun_path has 108 bytes, --root may be longer."""
    return f"/proc/self/fd/{entry.dirfd}/{START_SOCKET}"


def _lives(state: State, pid: int, start: int) -> bool:
    return proc_stat.is_alive(pid, start) and is_this_boot(state)


def _hold(state: State, pid: int, start: int) -> int | None:
    from pyoci.kernel import pidfd  # not for `state`, which sends nothing

    return pidfd.open(pid, start) if pid and is_this_boot(state) else None


def is_this_boot(state: State) -> bool:
    """After a reboot another process may by chance have both the number and the start time."""
    boot = proc_stat.boot_id()
    return not boot or not state.boot_id or boot == state.boot_id
