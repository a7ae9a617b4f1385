"""Usage as cgroup v1 counts it, in the shape of runc's `events --stats`.

Names, nesting and units are runc's (types/events.go): engines parse them. A number that is 0 is left out
where runc leaves it out. What a controller that is not mounted would tell is missing.
"""

from __future__ import annotations

import os

from pyoci import number_list
from pyoci.cgroups import files
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    PathOf = Callable[[str], str | None]

_NANOSECONDS = 1_000_000_000
_CPUSET = (
    ("cpu_exclusive", "cpuset.cpu_exclusive"),
    ("mem_hardwall", "cpuset.mem_hardwall"),
    ("mem_exclusive", "cpuset.mem_exclusive"),
    ("memory_migrate", "cpuset.memory_migrate"),
    ("memory_spread_page", "cpuset.memory_spread_page"),
    ("memory_spread_slab", "cpuset.memory_spread_slab"),
    ("memory_pressure", "cpuset.memory_pressure"),
    ("sched_load_balance", "cpuset.sched_load_balance"),
    ("sched_relax_domain_level", "cpuset.sched_relax_domain_level"),
)
# What is counted by whom depends on the I/O scheduler: the first file that has numbers counts.
_BLKIO = (
    ("ioServiceBytesRecursive", ("bfq.io_service_bytes_recursive", "io_service_bytes_recursive",
                                 "throttle.io_service_bytes_recursive", "throttle.io_service_bytes")),
    ("ioServicedRecursive", ("bfq.io_serviced_recursive", "io_serviced_recursive",
                             "throttle.io_serviced_recursive", "throttle.io_serviced")),
    ("ioQueueRecursive", ("bfq.io_queued_recursive", "io_queued_recursive")),
    ("ioServiceTimeRecursive", ("bfq.io_service_time_recursive", "io_service_time_recursive")),
    ("ioWaitTimeRecursive", ("bfq.io_wait_time_recursive", "io_wait_time_recursive")),
    ("ioMergedRecursive", ("bfq.io_merged_recursive", "io_merged_recursive")),
    ("ioTimeRecursive", ("bfq.time_recursive", "time_recursive")),
    ("sectorsRecursive", ("bfq.sectors_recursive", "sectors_recursive")),
)  # fmt: skip


def collect(path_of: PathOf) -> dict[str, Any]:
    """The whole document. Raises CgroupError."""
    try:
        return {
            "cpu": _cpu(path_of),
            "cpuset": _cpuset(path_of("cpuset")),
            "memory": _memory(path_of("memory")),
            "pids": pids(path_of("pids")),
            "blkio": _blkio(path_of("blkio")),
            "hugetlb": _hugetlb(path_of("hugetlb")),
            "intel_rdt": {},
            "network_interfaces": None,
        }
    except (ValueError, IndexError) as error:
        raise unreadable(error) from None


def unreadable(error: Exception) -> CgroupError:
    """For a file that is not in the form that kernels have written so far."""
    return CgroupError(f"read the usage of the container: a cgroup file is not in the known form: {error}")


def without_zeros(statistics: dict[str, Any], keep: tuple[str, ...] = ()) -> dict[str, Any]:
    """The members that Go's `omitempty` leaves."""
    return {key: value for key, value in statistics.items() if value or key in keep}


def number(path: str) -> int:
    """The number in a file; 0 when the file is not there, or it says `max`."""
    text = (files.read_optional(path) or "0").strip()
    return 0 if text == "max" else int(text)


def table(text: str | None) -> dict[str, int]:
    """`name number` lines."""
    rows = (line.rsplit(" ", 1) for line in (text or "").splitlines())
    return {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) == 2 and row[1].lstrip("-").isdigit()}


def pids(group: str | None) -> dict[str, Any]:
    if group is None:
        return {}
    return without_zeros({"current": number(f"{group}/pids.current"), "limit": number(f"{group}/pids.max")})


def _cpu(path_of: PathOf) -> dict[str, Any]:
    usage: dict[str, Any] = {"kernel": 0, "user": 0}
    account = path_of("cpuacct")
    if account is not None:
        ticks = os.sysconf("SC_CLK_TCK")
        stat = table(files.read_optional(f"{account}/cpuacct.stat"))
        usage["total"] = number(f"{account}/cpuacct.usage")
        usage["percpu"] = [int(word) for word in (files.read_optional(f"{account}/cpuacct.usage_percpu") or "").split()]
        usage["kernel"] = stat.get("system", 0) * _NANOSECONDS // ticks
        usage["user"] = stat.get("user", 0) * _NANOSECONDS // ticks
        rows = [row.split() for row in (files.read_optional(f"{account}/cpuacct.usage_all") or "").splitlines()[1:]]
        usage["percpu_user"] = [int(row[1]) for row in rows]
        usage["percpu_kernel"] = [int(row[2]) for row in rows]
    throttling: dict[str, Any] = {}
    group = path_of("cpu")
    if group is not None:
        stat = table(files.read_optional(f"{group}/cpu.stat"))
        throttling = {
            "periods": stat.get("nr_periods", 0),
            "throttledPeriods": stat.get("nr_throttled", 0),
            "throttledTime": stat.get("throttled_time", 0),
        }
    return {"usage": without_zeros(usage, ("kernel", "user")), "throttling": without_zeros(throttling)}


def _cpuset(group: str | None) -> dict[str, Any]:
    statistics: dict[str, Any] = {key: number(f"{group}/{file}") if group else 0 for key, file in _CPUSET}
    if group is not None:
        for key, file in (("cpus", "cpuset.cpus"), ("mems", "cpuset.mems")):
            numbers = number_list.parse((files.read_optional(f"{group}/{file}") or "").strip())
            if numbers:
                statistics[key] = numbers
    return statistics


def _memory(group: str | None) -> dict[str, Any]:
    if group is None:
        return {name: {"limit": 0, "failcnt": 0} for name in ("usage", "swap", "kernel", "kernelTCP")}
    raw = table(files.read_optional(f"{group}/memory.stat"))
    return {
        **without_zeros({"cache": raw.get("cache", 0)}),
        "usage": _memory_entry(f"{group}/memory."),
        "swap": _memory_entry(f"{group}/memory.memsw."),
        "kernel": _memory_entry(f"{group}/memory.kmem."),
        "kernelTCP": _memory_entry(f"{group}/memory.kmem.tcp."),
        "raw": raw,
    }


def _memory_entry(prefix: str) -> dict[str, Any]:
    entry = {
        "limit": number(f"{prefix}limit_in_bytes"),
        "usage": number(f"{prefix}usage_in_bytes"),
        "max": number(f"{prefix}max_usage_in_bytes"),
        "failcnt": number(f"{prefix}failcnt"),
    }
    return without_zeros(entry, ("limit", "failcnt"))


def _blkio(group: str | None) -> dict[str, Any]:
    if group is None:
        return {}
    statistics = {}
    for key, names in _BLKIO:
        for name in names:
            entries = blkio_entries(files.read_optional(f"{group}/blkio.{name}") or "")
            if entries:
                statistics[key] = entries
                break
    return statistics


def blkio_entries(text: str) -> list[dict[str, Any]]:
    """`8:0 Read 4096` or `8:0 4096` lines; the total at the end is left out. Pure."""
    entries = []
    for line in text.splitlines():
        words = line.split()
        major, colon, minor = words[0].partition(":")
        if not colon or len(words) < 2:
            continue
        entry = {
            "major": int(major),
            "minor": int(minor),
            "op": words[1] if len(words) == 3 else "",
            "value": int(words[-1]),
        }
        entries.append(without_zeros(entry))
    return entries


def _hugetlb(group: str | None) -> dict[str, Any]:
    statistics = {}
    for size in hugepage_sizes():
        # Reservations where they are counted, as they are what is limited.
        prefix = f"{group}/hugetlb.{size}.rsvd."
        if group is None or not os.path.exists(f"{prefix}usage_in_bytes"):
            prefix = f"{group}/hugetlb.{size}."
        if group is None or not os.path.exists(f"{prefix}usage_in_bytes"):
            continue
        entry = {
            "usage": number(f"{prefix}usage_in_bytes"),
            "max": number(f"{prefix}max_usage_in_bytes"),
            "failcnt": number(f"{prefix}failcnt"),
        }
        statistics[size] = without_zeros(entry, ("failcnt",))
    return statistics


def hugepage_sizes() -> list[str]:
    """The sizes that this kernel has, as cgroup files spell them: `2MB`, `1GB`."""
    try:
        names = os.listdir("/sys/kernel/mm/hugepages")
    except FileNotFoundError:
        return []
    sizes = []
    for name in sorted(names):
        kilobytes = int(name.removeprefix("hugepages-").removesuffix("kB"))
        for unit, size in (("GB", 1 << 20), ("MB", 1 << 10), ("KB", 1)):
            if kilobytes >= size:
                sizes.append(f"{kilobytes // size}{unit}")
                break
    return sizes
