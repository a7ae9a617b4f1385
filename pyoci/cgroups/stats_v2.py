"""Usage as cgroup v2 counts it, in the shape of runc's `events --stats`: see `stats_v1`."""

from __future__ import annotations

import os

from pyoci import number_list
from pyoci.cgroups import files
from pyoci.cgroups.stats_v1 import hugepage_sizes, number, pids, table, unreadable, without_zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNLIMITED = 2**64 - 1  # how runc reports `max`
_IO = {
    "rbytes": ("ioServiceBytesRecursive", "Read"),
    "wbytes": ("ioServiceBytesRecursive", "Write"),
    "dbytes": ("ioServiceBytesRecursive", "Discard"),
    "rios": ("ioServicedRecursive", "Read"),
    "wios": ("ioServicedRecursive", "Write"),
    "dios": ("ioServicedRecursive", "Discard"),
}


def collect(group: str) -> dict[str, Any]:
    """The whole document; without a group (rootless, not permitted) all is empty. Raises CgroupError."""
    try:
        return {
            "cpu": _cpu(group),
            "cpuset": _cpuset(group),
            "memory": _memory(group),
            "pids": pids(group) if group else {},
            "blkio": _io(group),
            "hugetlb": _hugetlb(group),
            "intel_rdt": {},
            "network_interfaces": None,
        }
    except (ValueError, IndexError) as error:
        raise unreadable(error) from None


def _cpu(group: str) -> dict[str, Any]:
    stat = table(files.read_optional(f"{group}/cpu.stat"))
    usage = {
        "total": stat.get("usage_usec", 0) * 1000,
        "kernel": stat.get("system_usec", 0) * 1000,
        "user": stat.get("user_usec", 0) * 1000,
    }
    throttling = {
        "periods": stat.get("nr_periods", 0),
        "throttledPeriods": stat.get("nr_throttled", 0),
        "throttledTime": stat.get("throttled_usec", 0) * 1000,
    }
    statistics = {"usage": without_zeros(usage, ("kernel", "user")), "throttling": without_zeros(throttling)}
    return statistics | _pressure(group, "cpu")


def _cpuset(group: str) -> dict[str, Any]:
    statistics: dict[str, Any] = {}
    for key in ("cpus", "mems"):
        numbers = number_list.parse((files.read_optional(f"{group}/cpuset.{key}.effective") or "").strip())
        if numbers:
            statistics[key] = numbers
    return statistics


def _memory(group: str) -> dict[str, Any]:
    raw = table(files.read_optional(f"{group}/memory.stat"))
    memory = _entry(group, "memory.")
    swap = _entry(group, "memory.swap.")
    # Combined, as v1 counts and as runc reports it.
    swap["usage"] += memory["usage"]
    if _UNLIMITED not in (swap["limit"], memory["limit"]):
        swap["limit"] += memory["limit"]
    swap["max"] = 0
    keep = ("limit", "failcnt")
    none = {"limit": 0, "failcnt": 0}
    return {
        **without_zeros({"cache": raw.get("file", 0)}),
        "usage": without_zeros(memory, keep),
        "swap": without_zeros(swap, keep),
        "kernel": none,
        "kernelTCP": dict(none),
        "raw": raw,
        **_memory_events(group),
        **_pressure(group, "memory"),
    }


def _memory_events(group: str) -> dict[str, Any]:
    """How often a limit was reached, and what came of it: low, high, max, oom, oom_kill ... (cgroup-v2.rst)."""
    events = table(files.read_optional(f"{group}/memory.events"))
    return {"events": events} if events else {}


def _entry(group: str, prefix: str) -> dict[str, int]:
    limit = (files.read_optional(f"{group}/{prefix}max") or "0").strip()
    events = table(files.read_optional(f"{group}/{prefix}events"))
    return {
        "limit": _UNLIMITED if limit == "max" else int(limit),
        "usage": number(f"{group}/{prefix}current"),
        "max": number(f"{group}/{prefix}peak"),
        "failcnt": events.get("max", 0),
    }


def _io(group: str) -> dict[str, Any]:
    return io_entries(files.read_optional(f"{group}/io.stat") or "") | _pressure(group, "io")


def io_entries(text: str) -> dict[str, Any]:
    """io.stat, sorted by what v1 had a file for. Pure."""
    statistics: dict[str, Any] = {}
    for line in text.splitlines():
        device, *counts = line.split()
        major, colon, minor = device.partition(":")
        if not colon:
            continue
        for count in counts:
            name, _, value = count.partition("=")
            if name in _IO:
                key, operation = _IO[name]
                entry = {"major": int(major), "minor": int(minor), "op": operation, "value": int(value)}
                statistics.setdefault(key, []).append(without_zeros(entry))
    return statistics


def _pressure(group: str, controller: str) -> dict[str, Any]:
    try:
        text = files.read_raw(f"{group}/{controller}.pressure")
    except OSError:
        return {}  # no such file, or EOPNOTSUPP: the kernel was booted with psi=0
    pressure = parse_pressure(text)
    return {"psi": pressure} if pressure else {}


def parse_pressure(text: str) -> dict[str, Any]:
    """`some avg10=0.00 avg60=0.00 avg300=0.00 total=0` lines. Pure."""
    pressure: dict[str, Any] = {}
    for line in text.splitlines():
        kind, *words = line.split()
        pairs = (word.split("=") for word in words)
        pressure[kind] = {key: int(value) if key == "total" else float(value) for key, value in pairs}
    return pressure


def _hugetlb(group: str) -> dict[str, Any]:
    statistics = {}
    for size in hugepage_sizes():
        prefix = f"{group}/hugetlb.{size}."
        if not os.path.exists(f"{prefix}current"):
            continue
        entry = {
            "usage": number(f"{prefix}rsvd.current") or number(f"{prefix}current"),
            "failcnt": table(files.read_optional(f"{prefix}events")).get("max", 0),
        }
        statistics[size] = without_zeros(entry, ("failcnt",))
    return statistics
