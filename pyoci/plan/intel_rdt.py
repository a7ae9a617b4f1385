"""`linux.intelRdt` (config-linux.md, "IntelRdt"): which resctrl group, with which lines of its schemata."""

from __future__ import annotations

from pyoci.wire.plan import IntelRdt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def plan(section: dict[str, Any] | None, container_id: str) -> IntelRdt | None:
    """None when the config does not set it: then no resctrl file system is touched."""
    if section is None:
        return None
    clos = section.get("closID")
    return IntelRdt(
        group="" if clos == "/" else clos or container_id,
        named=bool(clos),
        schemata=lines(section),
        monitoring=container_id if section.get("enableMonitoring") else "",
    )


def lines(section: dict[str, Any]) -> list[str]:
    """The lines in the order in which they MUST be written: l3CacheSchema, memBwSchema, schemata last."""
    first = [section[name] for name in ("l3CacheSchema", "memBwSchema") if section.get(name)]
    return [*first, *(line for line in section.get("schemata") or () if line)]
