"""`pause` and `resume`: freeze all processes of a container, and thaw them.

Both wait for the end of a `checkpoint`: criu freezes and thaws the container itself, and a process that is frozen in
between does not let criu look into it.
"""

from __future__ import annotations

from pyoci.errors import NO_CGROUP, NOT_RUNNING, CgroupError, StateError, UnsupportedError
from pyoci.state import freezer_lock, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cgroups import Cgroup
    from pyoci.state.model import State
    from pyoci.state.store import Entry


def pause(entry: Entry) -> None:
    """Freeze a created or running container.

    Raises StateError in any other state (runc refuses a second pause, too), UnsupportedError without a
    cgroup, CgroupError when it does not freeze; then it runs on.
    """
    _change(entry, "pause", (status.CREATED, status.RUNNING), NOT_RUNNING)


def resume(entry: Entry) -> None:
    """Thaw a paused container. Raises StateError when it is not paused, CgroupError."""
    _change(entry, "resume", (status.PAUSED,), "container not paused")


def _change(entry: Entry, action: str, fitting: tuple[str, ...], why_not: str) -> None:
    entry.read()  # no folder of others gets a lock
    # Not entry.lock(): `start` holds it while it waits, and a container must be stoppable then, too.
    with freezer_lock.take(entry):
        state, current = status.look(entry)
        if current not in fitting:
            raise StateError(_refusal(state, current, action, why_not))
        _freeze(entry, state, action, action == "pause")
        if action == "resume" and status.is_frozen(state):
            raise CgroupError(f"resume: {state.id!r} is still frozen: a parent of its cgroup is")


def _freeze(entry: Entry, state: State, action: str, frozen: bool) -> None:
    try:
        _group(state, action).freeze(frozen)
    except CgroupError as error:
        from pyoci.host import ended_meanwhile

        raise ended_meanwhile.cause(error, entry, state, _refusal(state, status.STOPPED, action, "")) from None


def _refusal(state: State, current: str, action: str, why: str) -> str:
    if current == status.STOPPED:
        return f"{action}: {NOT_RUNNING}: {state.id!r} has stopped"
    if current == status.CREATING:
        return f"{action}: {NOT_RUNNING}: {state.id!r}: {status.BEING_CREATED}"
    return f"{action}: {why}: {state.id!r} is {current}"


def _group(state: State, action: str) -> Cgroup:
    if not state.cgroup:
        raise UnsupportedError(f"{action} {state.id}: {NO_CGROUP}")
    return status.cgroup(state)
