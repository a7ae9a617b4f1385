"""`pause` and `resume`: freeze all processes of a container, and thaw them."""

from __future__ import annotations

from pyoci.errors import NOT_RUNNING, CgroupError, StateError, UnsupportedError
from pyoci.state import status

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
    state, current = _look_at(entry)
    if current not in (status.CREATED, status.RUNNING):
        raise StateError(_refusal(state, current, "pause", NOT_RUNNING))
    _freeze(entry, state, "pause", True)


def resume(entry: Entry) -> None:
    """Thaw a paused container. Raises StateError when it is not paused, CgroupError."""
    state, current = _look_at(entry)
    if current != status.PAUSED:
        raise StateError(_refusal(state, current, "resume", "container not paused"))
    _freeze(entry, state, "resume", False)
    if status.is_frozen(state):
        raise CgroupError(f"resume: {state.id!r} is still frozen: a parent of its cgroup is, or it was paused again")


def _look_at(entry: Entry) -> tuple[State, str]:
    # Not entry.lock(): `start` holds it while it waits, and a container must be stoppable then, too.
    return status.look(entry)


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
        raise UnsupportedError(f"{action} {state.id}: it has no cgroup")
    return status.cgroup(state)
