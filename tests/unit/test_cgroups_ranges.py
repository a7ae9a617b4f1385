"""Values that no kernel takes are refused with their property and its range, whatever the layout."""

from __future__ import annotations

from typing import Any

import pytest

from pyoci.cgroups import limits, ranges
from pyoci.errors import CgroupError

DEVICE = {"major": 8, "minor": 16}


def resources(section: str, key: str, value: int) -> dict[str, Any]:
    return {section: {key: value}}


TABLE = [
    ("cpu", "period", 1000, 1_000_000, "cpu.period", " microseconds"),
    ("cpu", "quota", 1000, 2**44 - 1, "cpu.quota", " microseconds"),
    ("cpu", "burst", 1, (2**64 - 1) // 1000, "cpu.burst", " microseconds"),
    ("cpu", "realtimePeriod", 1, (2**64 - 1) // 1000, "cpu.realtimePeriod", " microseconds"),
    ("cpu", "realtimeRuntime", 1, (2**64 - 1) // 1000, "cpu.realtimeRuntime", " microseconds"),
    ("pids", "limit", 1, 4194304, "pids.limit", ""),
    ("blockIO", "weight", 10, 1000, "blockIO.weight", ""),
    ("blockIO", "leafWeight", 10, 1000, "blockIO.leafWeight", ""),
]


@pytest.mark.parametrize(("section", "key", "lowest", "highest", "name", "unit"), TABLE)
def test_bounds(section: str, key: str, lowest: int, highest: int, name: str, unit: str) -> None:
    for value in (lowest, highest, 0):
        ranges.check(resources(section, key, value))
    for value in (lowest - 1, highest + 1):
        if value:
            with pytest.raises(CgroupError) as raised:
                ranges.check(resources(section, key, value))
            assert str(raised.value) == f"{name}: {value} is not between {lowest} and {highest}{unit}"


@pytest.mark.parametrize(("section", "key"), [("cpu", "quota"), ("pids", "limit")])
def test_no_limit_is_no_value(section: str, key: str) -> None:
    ranges.check(resources(section, key, -1))


@pytest.mark.parametrize("key", ["weight", "leafWeight"])
def test_weights_of_devices(key: str) -> None:
    for value in (10, 1000, 0):
        ranges.check({"blockIO": {"weightDevice": [{**DEVICE, key: value}]}})
    for value in (9, 1001):
        with pytest.raises(
            CgroupError, match=rf"^blockIO.weightDevice 8:16 {key}: {value} is not between 10 and 1000$"
        ):
            ranges.check({"blockIO": {"weightDevice": [DEVICE, {**DEVICE, key: value}]}})


def test_disks_whose_numbers_the_kernel_would_take_for_others() -> None:
    for key in ranges._OF_DISKS:
        largest = {"major": 4095, "minor": 1048575, "rate": 1, "weight": 10}
        ranges.check({"blockIO": {key: [largest]}})
        for name, value in (("major", -1), ("major", 4096), ("minor", -1), ("minor", 1 << 20), ("minor", 1 << 32)):
            highest = largest[name]
            with pytest.raises(CgroupError, match=rf"^blockIO.{key} .*{name}: {value} is not between 0 and {highest}$"):
                ranges.check({"blockIO": {key: [largest, {**largest, name: value}]}})


def test_operations_that_the_kernel_would_count_as_none() -> None:
    for key in ("throttleReadIOPSDevice", "throttleWriteIOPSDevice"):
        ranges.check({"blockIO": {key: [{**DEVICE, "rate": 2**32 - 1}]}})
        words = f"^blockIO.{key} 8:16 rate: 4294967296 is not between 0 and 4294967295 operations per second$"
        with pytest.raises(CgroupError, match=words):
            ranges.check({"blockIO": {key: [{**DEVICE, "rate": 2**32}]}})
    ranges.check({"blockIO": {"throttleReadBpsDevice": [{**DEVICE, "rate": 2**32}]}})


def test_swappiness() -> None:
    for value in (0, 100):
        ranges.check({"memory": {"swappiness": value}})
    with pytest.raises(CgroupError, match=r"^memory.swappiness: 101 is not between 0 and 100$"):
        ranges.check({"memory": {"swappiness": 101}})


def test_shares_of_v1() -> None:
    for value in (2, 262144):
        ranges.check_shares(value)
    for value in (1, 262145):
        with pytest.raises(CgroupError, match=rf"^cpu.shares: {value} is not between 2 and 262144$"):
            ranges.check_shares(value)


@pytest.mark.parametrize(
    ("cpu", "fits"),
    [
        ({"quota": 5000, "burst": 5000}, True),
        ({"quota": 5000, "burst": 5001}, False),
        ({"quota": -1, "burst": 5001}, True),
        ({"burst": 5001}, True),
        ({"quota": 5000, "burst": 0}, True),
        ({"quota": 0, "burst": 5001}, True),
    ],
)
def test_a_burst_is_no_larger_than_a_quota(cpu: dict[str, int], fits: bool) -> None:
    if fits:
        ranges.check({"cpu": cpu})
    else:
        with pytest.raises(CgroupError, match=r"^cpu.burst: 5001 is larger than the quota, 5000$"):
            ranges.check({"cpu": cpu})


@pytest.mark.parametrize("unified", [True, False])
def test_new_groups_and_updates_are_checked(unified: bool) -> None:
    with pytest.raises(CgroupError, match=r"cpu.period: 5 "):
        limits.of_new_group({"cpu": {"period": 5}}, unified)
    with pytest.raises(CgroupError, match=r"cpu.period: 5 "):
        limits.of_update({"cpu": {"period": 5}}, {}, unified)
