"""`update`: other limits for a container that lives."""

from __future__ import annotations

from pyoci.errors import NOT_RUNNING, StateError, UnsupportedError
from pyoci.state import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.state.store import Entry


def update(entry: Entry, resources: dict[str, Any]) -> None:
    """Apply `resources` (as `linux.resources`, checked); what it does not name stays as it is.

    Raises StateError when the container has stopped, UnsupportedError without a cgroup, CgroupError when a
    value is refused; then the former limits are back in force.
    """
    state = entry.read()
    if status.status(entry, state) in (status.STOPPED, status.CREATING):
        raise StateError(f"update: {NOT_RUNNING}: {state.id!r}")
    if not state.cgroup:
        raise UnsupportedError(f"update {state.id}: it has no cgroup")
    status.cgroup(state).update(resources)
