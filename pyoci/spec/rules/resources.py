"""`linux.resources`. What only the kernel can tell (a CPU that is there, its page sizes) is left to it."""

from __future__ import annotations

from pyoci.spec.rules import MISSING, escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyoci.spec.rules import Config, Problem


def _resources(config: Config) -> dict[str, Any]:
    resources: dict[str, Any] = config.get("linux", {}).get("resources", {})
    return resources


def burst_is_below_quota(config: Config) -> Iterator[Problem]:
    """`burst`: this value MUST be no larger than any positive `quota` (runtimes MAY generate an error)."""
    cpu = _resources(config).get("cpu", {})
    if 0 < cpu.get("quota", 0) < cpu.get("burst", 0):
        yield "/linux/resources/cpu/burst", cpu["burst"], f"at most the quota, {cpu['quota']}"


def swap_includes_memory(config: Config) -> Iterator[Problem]:
    """`swap`: sets limit of memory+Swap usage, so it is not below `limit`, and needs one: with memory
    unlimited the sum cannot be less. 0 means unset, as runc has it."""
    memory = _resources(config).get("memory", {})
    place = "/linux/resources/memory"
    swap, limit = memory.get("swap", 0), memory.get("limit", 0)
    if swap > 0 and limit <= 0:
        yield f"{place}/limit", memory.get("limit", MISSING), "must be given along with swap"
    elif 0 < swap < limit:
        yield f"{place}/swap", swap, f"at least the limit of memory, {limit}: swap includes it"


def weight_device_has_weight(config: Config) -> Iterator[Problem]:
    """`weightDevice`: you MUST specify at least one of `weight` or `leafWeight` in a given entry."""
    for index, entry in enumerate(_resources(config).get("blockIO", {}).get("weightDevice", ())):
        if "weight" not in entry and "leafWeight" not in entry:
            yield f"/linux/resources/blockIO/weightDevice/{index}/weight", MISSING, "must be given, or leafWeight"


def rdma_has_limit(config: Config) -> Iterator[Problem]:
    """`rdma`: you MUST specify at least one of the `hcaHandles` or `hcaObjects` in a given entry."""
    for name, entry in _resources(config).get("rdma", {}).items():
        if "hcaHandles" not in entry and "hcaObjects" not in entry:
            yield f"/linux/resources/rdma/{escape(name)}", entry, "must have hcaHandles or hcaObjects"


def unified_names_files(config: Config) -> Iterator[Problem]:
    """`unified`: each key in the map refers to a file in the cgroup unified hierarchy."""
    for name in _resources(config).get("unified", {}):
        if name in ("", ".", "..") or "/" in name:
            yield f"/linux/resources/unified/{escape(name)}", name, "the name of a file of the cgroup"


def page_sizes_differ(config: Config) -> Iterator[Problem]:
    """`hugepageLimits`: defines the hugepage sizes and limits; of two limits for one size only one could
    count."""
    seen: set[str] = set()
    for index, entry in enumerate(_resources(config).get("hugepageLimits", ())):
        if entry["pageSize"] in seen:
            yield f"/linux/resources/hugepageLimits/{index}/pageSize", entry["pageSize"], "must be listed once only"
        seen.add(entry["pageSize"])


RULES = (
    burst_is_below_quota,
    swap_includes_memory,
    weight_device_has_weight,
    rdma_has_limit,
    unified_names_files,
    page_sizes_differ,
)
