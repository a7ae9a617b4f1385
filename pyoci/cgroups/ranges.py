"""The ranges that the kernel takes, where they are known: checked here, so that the message names property and range.

Pure. A value that the kernel refuses for another reason is an error when it is written: see `writes`.
"""

from __future__ import annotations

from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MILLISECOND, SECOND = 1000, 1_000_000  # microseconds
QUOTA_MAX = 2**44 - 1  # microseconds; kernel/sched/core.c, max_cfs_runtime
SHARES_MIN, SHARES_MAX = 2, 262144  # kernel/sched/sched.h, MIN_SHARES and MAX_SHARES; the kernel clamps silently
PIDS_MAX = 1 << 22  # linux/threads.h, PID_MAX_LIMIT
WEIGHT_MIN, WEIGHT_MAX = 10, 1000  # config-linux.md, "Block IO"
SWAPPINESS_MAX = 100
NANOSECONDS_MAX = (2**64 - 1) // 1000  # microseconds: the kernel counts nanoseconds, kernel/sched
IOPS_MAX = 2**32 - 1  # block/blk-throttle.c; the kernel drops the upper half of a larger one: 2^32 would be 0
MAJOR_MAX, MINOR_MAX = 2**12 - 1, 2**20 - 1  # linux/kdev_t.h, MKDEV; the kernel takes a larger one for another device

# section, property, lowest, highest, unit; 0 and negative numbers mean "not given" or "no limit"
_RANGES = (
    ("cpu", "period", MILLISECOND, SECOND, " microseconds"),
    ("cpu", "quota", MILLISECOND, QUOTA_MAX, " microseconds"),
    ("cpu", "burst", 1, NANOSECONDS_MAX, " microseconds"),
    ("cpu", "realtimePeriod", 1, NANOSECONDS_MAX, " microseconds"),
    ("cpu", "realtimeRuntime", 1, NANOSECONDS_MAX, " microseconds"),
    ("pids", "limit", 1, PIDS_MAX, ""),
    ("blockIO", "weight", WEIGHT_MIN, WEIGHT_MAX, ""),
    ("blockIO", "leafWeight", WEIGHT_MIN, WEIGHT_MAX, ""),
)
_OF_DISKS = (
    "weightDevice",
    "throttleReadBpsDevice",
    "throttleWriteBpsDevice",
    "throttleReadIOPSDevice",
    "throttleWriteIOPSDevice",
)


def check(resources: dict[str, Any]) -> None:
    """Raise CgroupError for a value of `linux.resources` that no kernel takes, whatever the layout."""
    for section, key, lowest, highest, unit in _RANGES:
        value = (resources.get(section) or {}).get(key)
        if value and value > 0:
            _check(f"{section}.{key}", value, lowest, highest, unit)
    _check_disks(resources.get("blockIO") or {})
    swappiness = (resources.get("memory") or {}).get("swappiness")
    if swappiness is not None:
        _check("memory.swappiness", swappiness, 0, SWAPPINESS_MAX)
    _check_burst(resources.get("cpu") or {})


def _check_disks(block_io: dict[str, Any]) -> None:
    for key in _OF_DISKS:
        for entry in block_io.get(key) or ():
            name = f"blockIO.{key} {entry['major']}:{entry['minor']}"
            _check(f"{name} major", entry["major"], 0, MAJOR_MAX)
            _check(f"{name} minor", entry["minor"], 0, MINOR_MAX)
            if "IOPS" in key:
                _check(f"{name} rate", entry["rate"], 0, IOPS_MAX, " operations per second")
            for weight in ("weight", "leafWeight"):
                if entry.get(weight):
                    _check(f"{name} {weight}", entry[weight], WEIGHT_MIN, WEIGHT_MAX)


def check_shares(shares: int) -> None:
    """cpu.shares of v1, which the kernel would clamp silently. Raises CgroupError."""
    _check("cpu.shares", shares, SHARES_MIN, SHARES_MAX)


def _check(name: str, value: int, lowest: int, highest: int, unit: str = "") -> None:
    if not lowest <= value <= highest:
        raise CgroupError(f"{name}: {value} is not between {lowest} and {highest}{unit}")


def _check_burst(cpu: dict[str, Any]) -> None:
    """config-linux.md, "CPU": a burst must not be larger than a positive quota."""
    quota, burst = cpu.get("quota") or 0, cpu.get("burst") or 0
    if 0 < quota < burst:
        raise CgroupError(f"cpu.burst: {burst} is larger than the quota, {quota}")
