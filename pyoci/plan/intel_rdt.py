"""`linux.intelRdt` (config-linux.md, "IntelRdt"): which resctrl group, with which lines of its schemata."""

from __future__ import annotations

from pyoci.wire.plan import IntelRdt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def plan(given: dict[str, Any] | None, container_id: str) -> IntelRdt | None:
    """None when the config does not set it: then no resctrl file system is touched."""
    if given is None:
        return None
    clos = given.get("closID")
    return IntelRdt(
        group="" if clos == "/" else clos or container_id,
        named=bool(clos),
        schemata=lines(given),
        monitoring=container_id if given.get("enableMonitoring") else "",
    )


def lines(given: dict[str, Any]) -> list[str]:
    """The lines in the order in which they MUST be written: l3CacheSchema, memBwSchema, schemata last."""
    first = [given[name] for name in ("l3CacheSchema", "memBwSchema") if given.get(name)]
    return [*first, *(line for line in given.get("schemata") or () if line)]
