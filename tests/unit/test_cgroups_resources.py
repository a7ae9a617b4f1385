"""linux.resources as values for files, in both versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.schemas import SCHEMAS

from pyoci.cgroups import limits, resources_v1, resources_v2
from pyoci.cgroups.writes import Write
from pyoci.errors import CgroupError

Resources = dict[str, Any]


def pairs(batches: list[list[Write]]) -> list[tuple[str, str]]:
    return [item.targets[0] for batch in batches for item in batch]


def v1(resources: Resources) -> list[tuple[str, str]]:
    return pairs(resources_v1.plan(resources))


def v2(resources: Resources, **facts: str) -> list[tuple[str, str]]:
    return pairs(resources_v2.plan(resources, {key.replace("_", "."): value for key, value in facts.items()}))


EVERYTHING: Resources = {
    "memory": {
        "limit": 1000,
        "reservation": 500,
        "swap": 3000,
        "kernel": -1,
        "kernelTCP": 70,
        "swappiness": 0,
        "disableOOMKiller": True,
        "useHierarchy": True,
    },
    "cpu": {
        "shares": 1024,
        "quota": 5000,
        "burst": 0,
        "period": 10000,
        "realtimeRuntime": 10,
        "realtimePeriod": 20,
        "cpus": "0-1",
        "mems": "0",
        "idle": 1,
    },
    "pids": {"limit": 0},
    "blockIO": {
        "weight": 10,
        "leafWeight": 20,
        "weightDevice": [{"major": 8, "minor": 0, "weight": 30, "leafWeight": 40}],
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}],
        "throttleWriteBpsDevice": [{"major": 8, "minor": 0, "rate": 700}],
        "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 80}],
        "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 0}],
    },
    "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
    "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 5}]},
    "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "rxe3": {"hcaObjects": 0}},
}


def test_every_property_has_its_file_in_v1() -> None:
    assert v1(EVERYTHING) == [
        ("memory.use_hierarchy", "1"),
        ("memory.limit_in_bytes", "1000"),
        ("memory.memsw.limit_in_bytes", "3000"),
        ("memory.soft_limit_in_bytes", "500"),
        ("memory.kmem.limit_in_bytes", "-1"),
        ("memory.kmem.tcp.limit_in_bytes", "70"),
        ("memory.swappiness", "0"),
        ("memory.oom_control", "1"),
        ("cpu.rt_period_us", "20"),
        ("cpu.rt_runtime_us", "10"),
        ("cpu.shares", "1024"),
        ("cpu.idle", "1"),
        ("cpu.cfs_period_us", "10000"),
        ("cpu.cfs_quota_us", "5000"),
        ("cpu.cfs_burst_us", "0"),
        ("cpuset.cpus", "0-1"),
        ("cpuset.mems", "0"),
        ("pids.max", "1"),
        ("blkio.weight", "10"),
        ("blkio.leaf_weight", "20"),
        ("blkio.weight_device", "8:0 30"),
        ("blkio.leaf_weight_device", "8:0 40"),
        ("blkio.throttle.read_bps_device", "8:0 600"),
        ("blkio.throttle.write_bps_device", "8:0 700"),
        ("blkio.throttle.read_iops_device", "8:0 80"),
        ("blkio.throttle.write_iops_device", "8:16 0"),
        ("hugetlb.2MB.rsvd.limit_in_bytes", "0"),
        ("hugetlb.2MB.limit_in_bytes", "0"),
        ("net_cls.classid", "1048577"),
        ("net_prio.ifpriomap", "eth0 5"),
        ("rdma.max", "mlx5_1 hca_handle=3 hca_object=10000"),
        ("rdma.max", "rxe3 hca_object=0"),
    ]


def test_leaf_weights_are_written_on_v1() -> None:
    """blkio-controller.rst: the weight of a group's own tasks beside that of the groups below it."""
    devices = [{"major": 8, "minor": minor, "leafWeight": 40 + minor} for minor in (0, 16)]
    assert v1({"blockIO": {"leafWeight": 20, "weightDevice": devices}})[-3:] == [
        ("blkio.leaf_weight", "20"),
        ("blkio.leaf_weight_device", "8:0 40"),
        ("blkio.leaf_weight_device", "8:16 56"),
    ]


def test_priorities_of_the_network_are_written_one_by_one_on_v1() -> None:
    """net_prio.rst: each write to net_prio.ifpriomap is one device."""
    priorities = [{"name": "eth0", "priority": 5}, {"name": "lo", "priority": 0}]
    written = [("net_prio.ifpriomap", "eth0 5"), ("net_prio.ifpriomap", "lo 0")]
    assert v1({"network": {"priorities": priorities}})[-2:] == written


EVERYTHING_OF_V2: Resources = {
    "memory": {"limit": 1000, "reservation": -1, "swap": 3000, "useHierarchy": True, "kernel": -1},
    "cpu": {"shares": 1024, "quota": 5000, "period": 10000, "burst": 7, "cpus": "0", "mems": "1", "idle": 0},
    "pids": {"limit": -1},
    "blockIO": {
        "weight": 100,
        "weightDevice": [{"major": 8, "minor": 0, "weight": 30}],
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}],
        "throttleWriteBpsDevice": [{"major": 8, "minor": 0, "rate": 700}],
        "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 80}],
        "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 0}],
    },
    "hugepageLimits": [{"pageSize": "1GB", "limit": 5}],
    "rdma": {"mlx5_1": {"hcaHandles": 3}},
    "unified": {"io.max": "8:0 rbps=1\n8:16 wbps=2\n", "cpuset.cpus": ""},
}


def test_what_v2_has_is_converted() -> None:
    assert v2(EVERYTHING_OF_V2) == [
        ("memory.swap.max", "2000"),
        ("memory.low", "max"),
        ("cpu.weight", "100"),
        ("cpu.idle", "0"),
        ("cpu.max", "5000 10000"),
        ("cpu.max.burst", "7"),
        ("cpuset.cpus", "0"),
        ("cpuset.mems", "1"),
        ("pids.max", "max"),
        ("io.bfq.weight", "100"),
        ("io.bfq.weight", "8:0 30"),
        ("io.max", "8:0 rbps=600"),
        ("io.max", "8:0 wbps=700"),
        ("io.max", "8:0 riops=80"),
        ("io.max", "8:16 wiops=max"),
        ("hugetlb.1GB.rsvd.max", "5"),
        ("hugetlb.1GB.max", "5"),
        ("rdma.max", "mlx5_1 hca_handle=3"),
        ("io.max", "8:0 rbps=1"),
        ("io.max", "8:16 wbps=2"),
        ("cpuset.cpus", ""),
        ("memory.max", "1000"),
    ]


def leaves(schema: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    """Each property of `resources` by its names, and documents that hold it and what the schema demands beside it.

    Several of one property, since a version may do anyway what a value says.
    """
    while "$ref" in schema:
        schema = SCHEMAS["config"]["definitions"][schema["$ref"].rpartition("/")[2]]
    kind = schema["type"]
    if kind == "array":
        yield from ((path, [[value] for value in values]) for path, values in leaves(schema["items"], names))
    elif kind == "object" and "properties" in schema:
        inner = {key: list(leaves(part, (*names, key))) for key, part in schema["properties"].items()}
        required = schema.get("required", [])
        base = {key: inner[key][0][1][0] for key in required}
        parts = [key for key in inner if key not in required] or required[:1]
        for key in parts:
            yield from ((path, [{**base, key: value} for value in values]) for path, values in inner[key])
    elif kind == "object":
        key = "io.max" if schema["additionalProperties"].get("type") == "string" else "mlx5_1"
        for path, values in leaves(schema["additionalProperties"], names):
            yield path, [{key: value} for value in values]
    elif kind == "string":
        yield names, ["64KB" if "KMG" in schema.get("pattern", "") else "0"]
    else:
        yield names, [True, False] if kind == "boolean" else [100]


# Devices are planned elsewhere (test_cgroups_devices.py), and the kernel of v1 refuses a limit below what is in use.
ELSEWHERE = {"devices": ("v1", "v2"), "memory.checkBeforeUpdate": ("v1", "v2")}
LEAVES = {".".join(path): values for path, values in leaves({"$ref": "#/definitions/resources"})}


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("name", LEAVES)
def test_no_property_of_the_schema_is_ignored(name: str, version: str) -> None:
    """Each is written somewhere, or refused by its name: in both versions, so that none is lost without a word."""
    section, _, rest = name.partition(".")
    if version in ELSEWHERE.get(name, ELSEWHERE.get(section, ())):
        return
    told = []
    for resources in LEAVES[name]:
        try:
            batches = resources_v1.plan(resources) if version == "v1" else resources_v2.plan(resources, {})
        except CgroupError as error:
            told.append(str(error))
        else:
            told += [item.name for batch in batches for item in batch]
    parts = rest.split(".")[0] if section not in ("rdma", "hugepageLimits", "unified") else ""
    assert any(section in words and parts in words for words in told), (
        f"/linux/resources/{name.replace('.', '/')}: cgroups/resources_{version}.py neither writes nor refuses it"
    )


@pytest.mark.parametrize(("table", "unified"), [("EVERYTHING", False), ("EVERYTHING_OF_V2", True)])
def test_each_property_that_is_written_is_in_the_table_of_this_file(table: str, unified: bool) -> None:
    missing = set()
    for name, (resources, *_) in LEAVES.items():
        section, _, key = name.partition(".")
        values = globals()[table].get(section, {})
        known = values if isinstance(values, dict) and section not in ("rdma", "unified") else {key: values}
        try:
            written = resources_v2.plan(resources, {}) if unified else resources_v1.plan(resources)
        except CgroupError:
            continue
        if written and key.partition(".")[0] not in known:
            missing.add(name)
    assert not missing, f"{missing}: into {table}, and what is written into the test after it"


def test_a_check_before_an_update_is_made() -> None:
    with pytest.raises(CgroupError, match=r"memory\.limit: 100 is below"):
        v2({"memory": {"limit": 100, "checkBeforeUpdate": True}}, memory_current="200")


def is_property(name: str, resources: Resources) -> bool:
    section, _, rest = name.replace(" ", ".", 1).partition(".")
    value = resources[section]
    if isinstance(value, list):
        return any(entry["pageSize"] == rest for entry in value)
    return not rest or rest.strip("'") in value


@pytest.mark.parametrize(
    ("resources", "unified"),
    [
        (EVERYTHING, False),
        (EVERYTHING_OF_V2, True),
        ({"memory": {"limit": -1}}, False),
        ({"memory": {"limit": -1}}, True),
        ({"cpu": {"period": 5000}}, True),
    ],
)
def test_a_write_names_its_property_and_the_controller_of_its_files(resources: Resources, unified: bool) -> None:
    """A message names the one, and the other is the group that the file is looked for in."""
    batches = resources_v2.plan(resources, {}) if unified else resources_v1.plan(resources)
    for item in (item for batch in batches for item in batch):
        assert is_property(item.name, resources), item
        assert {file.partition(".")[0] for file, _ in item.targets} == {item.controller}, item


@pytest.mark.parametrize("plan", [resources_v1.plan, lambda resources: resources_v2.plan(resources, {})])
def test_files_that_may_be_missing(plan: Callable[[Resources], list[list[Write]]]) -> None:
    """The limits of swap, where the kernel has no swap, and of reserved huge pages, since Linux 5.7."""
    batches = plan({"memory": {"limit": -1}, "hugepageLimits": [{"pageSize": "2MB", "limit": 0}]})
    optional = [item.targets[0][0] for batch in batches for item in batch if item.optional is True]
    unified = ["memory.swap.max", "hugetlb.2MB.rsvd.max"]
    assert optional in (unified, ["memory.memsw.limit_in_bytes", "hugetlb.2MB.rsvd.limit_in_bytes"])
    assert all(item.optional in (True, False) for batch in batches for item in batch)


def test_every_file_that_a_kernel_may_have_for_a_weight() -> None:
    weights = {"blockIO": {"weight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 30}]}}
    (whole,), (device,) = resources_v1.plan(weights)
    assert whole.targets == (("blkio.weight", "10"), ("blkio.bfq.weight", "10"))
    assert device.targets == (("blkio.weight_device", "8:0 30"), ("blkio.bfq.weight_device", "8:0 30"))


def test_without_bfq_the_weight_is_on_the_scale_of_io_weight() -> None:
    resources = {"blockIO": {"weight": 1000, "weightDevice": [{"major": 8, "minor": 0, "weight": 10}]}}
    (first,), (second,) = resources_v2.plan(resources, {})
    assert first.targets == (("io.bfq.weight", "1000"), ("io.weight", "default 10000"))
    assert second.targets == (("io.bfq.weight", "8:0 10"), ("io.weight", "8:0 1"))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("memory", "swappiness", 60),
        ("memory", "disableOOMKiller", True),
        ("memory", "useHierarchy", False),
        ("memory", "kernel", 1000),
        ("memory", "kernelTCP", 1000),
        ("cpu", "realtimeRuntime", 10),
        ("cpu", "realtimePeriod", 10),
        ("blockIO", "leafWeight", 10),
        ("network", "classID", 1),
        ("network", "priorities", [{"name": "lo", "priority": 1}]),
    ],
)
def test_what_v2_lacks_is_refused_by_name(section: str, key: str, value: object) -> None:
    with pytest.raises(CgroupError) as refusal:
        v2({section: {key: value}})
    assert str(refusal.value).startswith(f"{section}.{key}: {value!r} cannot be applied: cgroup v2 has nothing like it")


@pytest.mark.parametrize(
    ("key", "value"),
    [("kernel", -1), ("kernelTCP", -1), ("disableOOMKiller", False), ("useHierarchy", True)],
)
def test_what_v2_does_anyway_is_accepted(key: str, value: object) -> None:
    assert v2({"memory": {key: value}}) == []


@pytest.mark.parametrize(
    ("swap", "value", "optional"), [(-1, "max", True), (100, "0", True), (101, "1", False), (150, "50", False)]
)
def test_only_a_limit_of_swap_that_limits_needs_a_kernel_with_swap(swap: int, value: str, optional: bool) -> None:
    writes = [write for batch in resources_v2.plan({"memory": {"limit": 100, "swap": swap}}, {}) for write in batch]
    (item,) = [write for write in writes if write.targets[0][0] == "memory.swap.max"]
    assert (item.targets[0][1], item.optional) == (value, optional)


def test_memory_that_is_not_in_use_yet_is_below_every_limit() -> None:
    assert v2({"memory": {"limit": 1, "checkBeforeUpdate": True}})[-1] == ("memory.max", "1")


def test_sections_without_a_value_plan_nothing() -> None:
    for section in ("memory", "cpu", "pids", "blockIO", "network", "rdma", "unified"):
        assert v1({section: {}}) == v2({section: {}}) == []
    assert v1({"pids": {"limit": None}}) == v2({"pids": {"limit": None}}) == []


def test_a_leaf_weight_of_a_device_is_refused_by_name() -> None:
    device = {"major": 8, "minor": 0, "leafWeight": 40}
    with pytest.raises(CgroupError, match=r"^blockIO.weightDevice leafWeight: 40 cannot be applied"):
        v2({"blockIO": {"weightDevice": [device]}})


def test_zeros_mean_not_given_as_engines_write_them() -> None:
    zeros: Resources = {
        "memory": {"limit": 0, "reservation": 0, "swap": 0, "kernel": 0, "kernelTCP": 0},
        "cpu": {"shares": 0, "quota": 0, "period": 0, "realtimeRuntime": 0, "realtimePeriod": 0, "cpus": ""},
        "blockIO": {"weight": 0, "leafWeight": 0},
        "network": {"classID": 0},
    }
    assert v1(zeros) == []
    assert v2(zeros) == []


def test_unlimited_memory_takes_swap_along() -> None:
    assert v1({"memory": {"limit": -1}}) == [
        ("memory.limit_in_bytes", "-1"),
        ("memory.memsw.limit_in_bytes", "-1"),
    ]
    assert v2({"memory": {"limit": -1}}) == [("memory.swap.max", "max"), ("memory.max", "max")]


def test_an_update_of_swap_alone_counts_from_the_limit_in_force() -> None:
    assert v2({"memory": {"swap": 500}}, memory_max="200\n") == [("memory.swap.max", "300")]
    with pytest.raises(CgroupError, match=r"set limit, too"):
        v2({"memory": {"swap": 500}}, memory_max="max\n")


@pytest.mark.parametrize("file", ["procs", "threads", "kill", "freeze", "type", "subtree_control"])
def test_unified_limits_and_does_not_act(file: str) -> None:
    with pytest.raises(CgroupError, match=rf"unified 'cgroup\.{file}': it moves, stops or ends processes"):
        v2({"unified": {f"cgroup.{file}": "1"}})
    assert v2({"unified": {"cgroup.max.descendants": "5"}}) == [("cgroup.max.descendants", "5")]


@pytest.mark.parametrize("file", ["memory.pressure", "cpu.pressure", "io.pressure", "irq.pressure"])
def test_an_alarm_is_no_limit(file: str) -> None:
    """psi.rst: it lives as long as the file is open."""
    with pytest.raises(CgroupError, match=rf"unified '{file}': it sets an alarm .*, and limits nothing"):
        v2({"unified": {file: "some 150000 1000000"}})
    assert v2({"unified": {"cgroup.pressure": "0"}}) == [("cgroup.pressure", "0")]


def test_an_update_of_memory_alone_keeps_the_limit_of_both_together() -> None:
    """As the kernel has it on v1, where one file counts both."""

    def update(limit: int, memory: str, swap: str) -> list[tuple[str, str]]:
        return v2({"memory": {"limit": limit}}, memory_max=memory, memory_swap_max=swap)

    assert update(600, "500\n", "300\n") == [("memory.swap.max", "200"), ("memory.max", "600")]
    assert update(400, "500\n", "300\n") == [("memory.swap.max", "400"), ("memory.max", "400")]
    assert update(600, "500\n", "max\n") == [("memory.max", "600")]
    assert update(600, "max\n", "300\n") == [("memory.max", "600")]
    with pytest.raises(CgroupError, match=r"memory.swap: 800 is below the limit, 900"):
        update(900, "500\n", "300\n")


def test_an_update_of_the_period_keeps_the_quota() -> None:
    assert v2({"cpu": {"period": 50000}}, cpu_max="700 100000\n") == [("cpu.max", "700 50000")]
    assert v2({"cpu": {"period": 50000}}) == [("cpu.max", "max 50000")]


def test_check_before_update_refuses_a_limit_below_the_usage() -> None:
    with pytest.raises(CgroupError, match=r"memory.limit: 100 is below the 101 bytes"):
        v2({"memory": {"limit": 100, "checkBeforeUpdate": True}}, memory_current="101\n")
    assert v2({"memory": {"limit": 100, "checkBeforeUpdate": True}}, memory_current="100\n")
    assert v2({"memory": {"limit": 100}}, memory_current="101\n")


@pytest.mark.parametrize(
    "impossible",
    [
        {"cpu": {"quota": 1000, "burst": 1001}},
        {"cpu": {"shares": 1}},
        {"cpu": {"shares": 262145}},
        {"memory": {"swappiness": 101}},
    ],
)
def test_impossible_values_are_refused_in_v1(impossible: Resources) -> None:
    with pytest.raises(CgroupError):
        limits.of_new_group(impossible, unified=False)


def test_an_unlimited_quota_takes_any_burst() -> None:
    assert ("cpu.cfs_burst_us", "5") in v1({"cpu": {"quota": -1, "burst": 5}})


def test_unified_reaches_the_controller_that_the_name_begins_with() -> None:
    ((write,),) = resources_v2.plan({"unified": {"memory.swap.max": "1"}}, {})
    assert (write.controller, write.name) == ("memory", "unified 'memory.swap.max'")


@pytest.mark.parametrize("name", ["../cgroup.procs", "memory", ".max", "a/b.c", ""])
def test_unified_takes_only_names_of_files(name: str) -> None:
    with pytest.raises(CgroupError, match="unified"):
        v2({"unified": {name: "1"}})


@pytest.mark.parametrize(
    "value", ["18446744073709551615", "8:0 rbps=18446744073709551615", "15E", "max", "1 x9", "0-3,7"]
)
def test_unified_passes_on_numbers_that_fit_in_64_bits(value: str) -> None:
    assert v2({"unified": {"memory.high": value}}) == [("memory.high", value)]


@pytest.mark.parametrize(("unit", "bits"), [(unit, 10 + 10 * i) for i, unit in enumerate("kmgtpe")])
def test_unified_knows_the_units_of_the_kernel(unit: str, bits: int) -> None:
    """memparse(), in both cases."""
    for word in (unit, unit.upper()):
        largest = f"{(1 << 64 - bits) - 1}{word}"
        assert v2({"unified": {"memory.high": largest}}) == [("memory.high", largest)]
        with pytest.raises(CgroupError, match="has more than 64 bits"):
            v2({"unified": {"memory.high": f"{1 << 64 - bits}{word}"}})


@pytest.mark.parametrize(
    "value", ["18446744073709551616", "8:0 rbps=18446744073709551616", "16E", "1" * 5000, "1\n16E"]
)
def test_unified_refuses_numbers_that_the_kernel_would_cut(value: str) -> None:
    with pytest.raises(CgroupError, match=r"^unified 'memory.high': .* has more than 64 bits") as raised:
        v2({"unified": {"memory.high": value}})
    assert len(str(raised.value)) < 200
