"""`update`: other limits for a container that lives."""

from __future__ import annotations

from pyoci import log
from pyoci.errors import NO_CGROUP, NOT_RUNNING, CgroupError, StateError, UnsupportedError
from pyoci.plan import podman
from pyoci.state import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyoci.state.model import State
    from pyoci.state.store import Entry


def update(entry: Entry, resources: dict[str, Any], schemata: Sequence[str] = ()) -> None:
    """Apply `resources` (as `linux.resources`, checked); what it does not name stays as it is.

    `schemata` are lines for the container's resctrl group.

    Raises StateError when the container has stopped, UnsupportedError without a cgroup, CgroupError when a
    value is refused; then the former limits are back in force.
    """
    state = status.made(entry, "cannot update container")
    if status.status(entry, state) == status.STOPPED:
        raise StateError(f"update: {NOT_RUNNING}: {state.id!r} has stopped")
    if schemata and not state.resctrl:
        raise UnsupportedError(f"update {state.id}: it was made without /linux/intelRdt, so it has no resctrl group")
    if resources or not schemata:
        if not state.cgroup:
            raise UnsupportedError(f"update {state.id}: {NO_CGROUP}")
    try:
        _apply(state, podman.resources(resources, state.annotations) or {}, schemata)
    except CgroupError as error:
        from pyoci.host import ended_meanwhile

        raise ended_meanwhile.cause(error, entry, state, f"update: {NOT_RUNNING}: {state.id!r} has stopped") from None
    _warn(resources)


def _apply(state: State, resources: dict[str, Any], schemata: Sequence[str]) -> None:
    if not schemata:
        status.cgroup(state).update(resources)
        return
    from pyoci.cgroups import resctrl

    before = resctrl.update(state.resctrl, schemata)
    if resources:
        try:
            status.cgroup(state).update(resources)
        except CgroupError:
            resctrl.update(state.resctrl, before)
            raise


def _warn(resources: dict[str, Any]) -> None:
    kernel = (resources.get("memory") or {}).get("kernel") or 0
    if kernel > 0:
        from pyoci.spec.rules import advice

        log.warning(f"/memory/kernel: {kernel} {advice.IGNORED_BY_KERNEL}")
