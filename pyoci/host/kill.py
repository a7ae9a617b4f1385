"""`kill`: a signal to the container's init, or to everything in its cgroup."""

from __future__ import annotations

from pyoci import phase
from pyoci.errors import NO_CGROUP, NOT_RUNNING, CgroupError, StateError, UnsupportedError
from pyoci.kernel import pidfd, signals
from pyoci.state import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.state.model import State
    from pyoci.state.store import Entry


def kill(entry: Entry, signal: int, everyone: bool = False) -> None:
    """Send `signal` to the container's init; with `everyone` to every process of the container.

    The entry is not locked: a hook may kill the container whose `start` runs it.

    Raises StateError when the container is neither created, running nor paused (runtime.md, Kill; with
    `everyone` it may have stopped), SyscallError, CgroupError, UnsupportedError.
    """
    phase("status")
    state = entry.read()
    init = status.hold_init(state)
    if init is None:
        _kill_without_init(entry, signal, everyone)
        return
    try:
        send(state, init, signal, everyone)
    finally:
        pidfd.close(init)


def send(state: State, init: int, signal: int, everyone: bool = False) -> None:
    """`kill` for a container whose init is held by the descriptor `init`. Raises as `kill` does."""
    phase("signal")
    if signal == signals.KILL and not state.own_pid_namespace:
        # Nothing but the cgroup ties the processes together: they would live on without their init.
        everyone = everyone or bool(state.cgroup)
    if everyone and not (signal == signals.KILL and state.own_pid_namespace):
        _signal_group(state, signal)
        if signal == signals.KILL:
            pidfd.send(init, signal)  # it may have been moved out of the cgroup
    elif not pidfd.send(init, signal):
        raise StateError(f"{NOT_RUNNING}: {state.id!r} has stopped")
    if signal == signals.KILL and state.cgroup:
        try:
            status.cgroup(state).thaw_killed()
        except CgroupError:
            if status.init_lives(state):
                raise
            # somebody else has killed and deleted it meanwhile


def _kill_without_init(entry: Entry, signal: int, everyone: bool) -> None:
    """With --all that is not an error, as in runc: containerd's shim calls it after the exit.

    Without a PID namespace of its own a container's processes may outlive its init: --all reaches them, and so does
    KILL, as in runc.
    """
    state, current = status.look(entry)
    if current == status.CREATING:
        raise StateError(f"{NOT_RUNNING}: {state.id!r}: {status.BEING_CREATED}")
    if current != status.STOPPED:
        kill(entry, signal, everyone)  # `create` has come to its end since we looked
        return
    # With a PID namespace of its own the kernel killed them with init: whoever is in the cgroup now came later.
    group = None if state.own_pid_namespace else status.cgroup_left(state)
    if group is not None and (everyone or signal == signals.KILL) and group.pids():
        group.kill(signal)
    elif not everyone:
        raise StateError(f"{NOT_RUNNING}: {state.id!r} is {current}")


def _signal_group(state: State, signal: int) -> None:
    if not state.cgroup:
        raise UnsupportedError(f"kill --all {state.id}: {NO_CGROUP}")
    status.cgroup(state).kill(signal)
