"""`linux.resources`, planned once: the writes and the device rules that are checked, given to systemd, and applied.

Pure.
"""

from __future__ import annotations

from pyoci.errors import CgroupError
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.cgroups.devices import Rule
    from pyoci.cgroups.writes import Write


class Limits(Record):
    """The settings of a group.

    batches    the writes in their order: see `writes.apply`
    devices    the rules; None leaves those in force
    """

    batches: list[list[Write]]
    devices: list[Rule] | None = None


def of_new_group(resources: dict[str, Any] | None, unified: bool, hugetlb_is_unified: bool = False) -> Limits:
    """For a group that has no limits yet. Raises CgroupError for what cannot be had.

    They are those of config.json: messages have its pointers.
    """
    from pyoci.cgroups import devices

    rules = devices.rules_of((resources or {}).get("devices"))
    batches = _with_places("/linux/resources", resources or {}, unified, hugetlb_is_unified, {})
    return Limits(batches=batches, devices=rules)


def of_update(
    resources: dict[str, Any], facts: dict[str, str], unified: bool, hugetlb_is_unified: bool = False
) -> Limits:
    """For a group in use, whose files hold `facts` (those that `facts_needed` names). Raises CgroupError.

    Messages have the pointers of a document of `update`.
    """
    from pyoci.cgroups import devices

    rules = devices.rules_of(resources["devices"]) if "devices" in resources else None
    return Limits(batches=_with_places("", resources, unified, hugetlb_is_unified, facts), devices=rules)


def _with_places(
    top: str, resources: dict[str, Any], unified: bool, hugetlb_is_unified: bool, facts: dict[str, str]
) -> list[list[Write]]:
    """Batches, and errors, that name properties by their pointers in a document; `top` is that of the limits in it."""
    try:
        batches = _batches(resources, unified, hugetlb_is_unified, facts)
    except CgroupError as error:
        raise CgroupError(_pointer(top, str(error))) from None
    for batch in batches:
        for item in batch:
            item.name = _pointer(top, item.name)
    return batches


def _pointer(top: str, words: str) -> str:
    """`memory.limit: ...` as a place below `top`; what tells one entry of a list from others follows the pointer."""
    name = words.partition(" ")[0]
    return f"{top}/{name.replace('.', '/')}{words[len(name) :]}"


def facts_needed(resources: dict[str, Any]) -> list[str]:
    """The files of a v2 group in use that the values of an update depend on; those of v1 depend on none."""
    memory, cpu = resources.get("memory") or {}, resources.get("cpu") or {}
    half_a_quota = bool(cpu.get("quota")) != bool(cpu.get("period"))
    names = ["memory.max", "memory.current"] if memory.get("swap") or memory.get("checkBeforeUpdate") else []
    if memory.get("limit") and not memory.get("swap"):
        names = [*(names or ["memory.max"]), "memory.swap.max"]
    return [*names, "cpu.max"] if half_a_quota else names


def _batches(
    resources: dict[str, Any], unified: bool, hugetlb_is_unified: bool, facts: dict[str, str]
) -> list[list[Write]]:
    # usually there are device rules only
    if not any(value for key, value in resources.items() if key != "devices"):
        return []
    from pyoci.cgroups import ranges

    ranges.check(resources)
    if unified:
        from pyoci.cgroups import resources_v2

        return resources_v2.plan(resources, facts)
    from pyoci.cgroups import resources_v1

    return resources_v1.plan(resources, hugetlb_is_unified)
