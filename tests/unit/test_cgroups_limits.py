"""One list of writes: what it is made of, for which hierarchy, and as properties of systemd."""

from __future__ import annotations

from typing import Any

import pytest

from pyoci.cgroups import devices, limits, systemd_units
from pyoci.cgroups.limits import Limits
from pyoci.errors import CgroupError


def files(planned: Limits) -> list[tuple[str, str, bool]]:
    return [(*item.targets[0], item.unified) for batch in planned.batches for item in batch]


@pytest.mark.parametrize(
    ("resources", "names"),
    [
        ({}, []),
        ({"memory": {"limit": 1}, "cpu": {"shares": 2}}, ["memory.max", "memory.swap.max"]),
        ({"memory": {"limit": 1, "swap": 2}}, ["memory.max", "memory.current"]),
        ({"memory": {"swap": 1}}, ["memory.max", "memory.current"]),
        (
            {"memory": {"limit": 1, "checkBeforeUpdate": True}},
            ["memory.max", "memory.current", "memory.swap.max"],
        ),
        ({"cpu": {"quota": 5000}}, ["cpu.max"]),
        ({"cpu": {"period": 5000}}, ["cpu.max"]),
        ({"cpu": {"quota": 5000, "period": 5000}}, []),
        ({"cpu": {"quota": 5000, "period": 0}, "memory": {"swap": -1}}, ["memory.max", "memory.current", "cpu.max"]),
    ],
)
def test_facts_that_an_update_needs(resources: dict[str, Any], names: list[str]) -> None:
    assert limits.facts_needed(resources) == names


@pytest.mark.parametrize(
    ("cpu", "value"),
    [
        ({"quota": 5000}, "5000 70000"),
        ({"period": 20000}, "3000 20000"),
        ({"quota": -1}, "max 70000"),
        ({"quota": 5000, "period": 20000}, "5000 20000"),
    ],
)
def test_half_a_quota_keeps_the_other_half(cpu: dict[str, int], value: str) -> None:
    planned = limits.of_update({"cpu": cpu}, {"cpu.max": "3000 70000\n"}, unified=True)
    assert files(planned) == [("cpu.max", value, False)]


def test_rules_for_devices_are_left_alone_by_an_update_without_them() -> None:
    assert limits.of_update({"pids": {"limit": 5}}, {}, unified=True).devices is None
    assert limits.of_update({"devices": []}, {}, unified=True).devices == list(devices.DEFAULT_RULES)
    assert limits.of_new_group(None, unified=False).devices == list(devices.DEFAULT_RULES)


EVERY_LIMIT: dict[str, Any] = {
    "memory": {"limit": 4096, "swap": 8192},
    "cpu": {"shares": 2, "quota": 5000, "period": 20000, "cpus": "0"},
    "pids": {"limit": 5},
    "blockIO": {"weight": 20},
}


@pytest.mark.parametrize("unified", [False, True])
def test_names_are_places_in_the_document(unified: bool) -> None:
    """Whoever reads a message finds the property in the file that was handed in."""
    created = limits.of_new_group(EVERY_LIMIT, unified)
    updated = limits.of_update(EVERY_LIMIT, {}, unified)
    names = [item.name for batch in updated.batches for item in batch]
    assert {"/memory/limit", "/memory/swap", "/cpu/shares", "/cpu/cpus", "/pids/limit", "/blockIO/weight"} <= {*names}
    assert [item.name for batch in created.batches for item in batch] == [f"/linux/resources{name}" for name in names]


@pytest.mark.parametrize(
    "resources", [{"cpu": {"quota": 1}}, {"cpu": {"quota": 5000, "burst": 6000}}, {"memory": {"swappiness": 101}}]
)
@pytest.mark.parametrize("unified", [False, True])
def test_errors_begin_with_a_place_in_the_document(resources: dict[str, Any], unified: bool) -> None:
    with pytest.raises(CgroupError, match=r"^/linux/resources/(cpu|memory)/\w+: "):
        limits.of_new_group(resources, unified)
    with pytest.raises(CgroupError, match=r"^/(cpu|memory)/\w+: "):
        limits.of_update(resources, {}, unified)


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"unified": {"memory.high": "16E"}}, "/unified 'memory.high': "),
        ({"blockIO": {"throttleReadIOPSDevice": [{"major": 8, "minor": 1, "rate": 1 << 40}]}},
         "/blockIO/throttleReadIOPSDevice 8:1 rate: "),
    ],
)  # fmt: skip
def test_what_tells_entries_apart_follows_the_place(resources: dict[str, Any], words: str) -> None:
    with pytest.raises(CgroupError) as refusal:
        limits.of_new_group(resources, unified=True)
    assert str(refusal.value).startswith(f"/linux/resources{words}")


def test_device_rules_are_those_of_the_document() -> None:
    entries = [{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"}]
    expected = devices.rules_of(entries)
    assert limits.of_new_group({"devices": entries}, unified=True).devices == expected != list(devices.DEFAULT_RULES)
    assert limits.of_update({"devices": entries}, {}, unified=True).devices == expected


@pytest.mark.parametrize("hugetlb", [None, True, False])
def test_the_hierarchy_of_huge_pages(hugetlb: bool | None) -> None:
    """v1's, unless the caller says that it is cgroup2's."""
    resources = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4}]}
    words = {} if hugetlb is None else {"hugetlb_is_unified": hugetlb}
    for planned in (
        limits.of_new_group(resources, unified=False, **words),
        limits.of_update(resources, {}, unified=False, **words),
    ):
        assert {is_unified for _, _, is_unified in files(planned)} == {bool(hugetlb)}


def test_device_rules_alone_are_no_writes() -> None:
    assert limits.of_new_group({"devices": [{"allow": False}], "memory": {}, "unified": {}}, unified=True).batches == []


@pytest.mark.parametrize("hugetlb", [True, False])
def test_what_a_hybrid_layout_has_in_its_cgroup2(hugetlb: bool) -> None:
    resources = {
        "memory": {"limit": 1000},
        "unified": {"memory.high": "77"},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 4}],
    }
    planned = limits.of_new_group(resources, unified=False, hugetlb_is_unified=hugetlb)
    assert set(files(planned)) == {
        ("memory.limit_in_bytes", "1000", False),
        ("memory.high", "77", True),
        *(
            [("hugetlb.2MB.rsvd.max", "4", True), ("hugetlb.2MB.max", "4", True)]
            if hugetlb
            else [("hugetlb.2MB.rsvd.limit_in_bytes", "4", False), ("hugetlb.2MB.limit_in_bytes", "4", False)]
        ),
    }
    # systemd of such a layout knows v1's files only
    assert systemd_units.properties(planned.batches, False, {}) == [("MemoryLimit", ("t", 1000))]


@pytest.mark.parametrize(
    ("cpu", "in_force", "in_second", "period"),
    [
        ({"quota": 25000}, {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "50000"}, 500_000, 50_000),
        ({"period": 50000}, {"cpu.cfs_quota_us": "25000", "cpu.cfs_period_us": "100000"}, 500_000, 50_000),
        ({"quota": 25000}, {}, 250_000, 100_000),
    ],
)
def test_systemd_gets_a_whole_quota_on_v1(
    cpu: dict[str, int], in_force: dict[str, str], in_second: int, period: int
) -> None:
    planned = limits.of_update({"cpu": cpu, "pids": {"limit": 5}}, {}, unified=False)
    assert sorted(systemd_units.properties(planned.batches, False, in_force)) == [
        ("CPUQuotaPerSecUSec", ("t", in_second)),
        ("CPUQuotaPeriodUSec", ("t", period)),
        ("TasksMax", ("t", 5)),
    ]


def test_systemd_gets_no_amount_that_it_does_not_know() -> None:
    """The file takes a unit, or another alphabet's digits are refused by it: either is not systemd's to read."""
    for value in ("16M", "١"):
        assert systemd_units._amount("MemoryHigh", value) == []
    assert systemd_units._amount("IOWeight", "default 7") == [("IOWeight", ("t", 7))]
