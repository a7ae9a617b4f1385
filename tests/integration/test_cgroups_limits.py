"""config-linux.md, "Control groups": every limit arrives in its file, at create and by update."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime

MIB = 1 << 20
# (section, its values, file of v1, what is there, file of v2, what is there)
CASES: list[tuple[str, dict[str, Any], str, str, str, str]] = [
    ("memory", {"limit": 64 * MIB}, "memory.limit_in_bytes", str(64 * MIB), "memory.max", str(64 * MIB)),
    ("memory", {"reservation": 8 * MIB}, "memory.soft_limit_in_bytes", str(8 * MIB), "memory.low", str(8 * MIB)),
    ("cpu", {"shares": 512}, "cpu.shares", "512", "cpu.weight", "59"),
    ("cpu", {"quota": 20000, "period": 50000}, "cpu.cfs_quota_us", "20000", "cpu.max", "20000 50000"),
    ("cpu", {"quota": 20000, "burst": 5000}, "cpu.cfs_burst_us", "5000", "cpu.max.burst", "5000"),
    ("cpu", {"cpus": "0"}, "cpuset.cpus", "0", "cpuset.cpus", "0"),
    ("cpu", {"mems": "0"}, "cpuset.mems", "0", "cpuset.mems", "0"),
    ("cpu", {"idle": 1}, "cpu.idle", "1", "cpu.idle", "1"),
    ("pids", {"limit": 30}, "pids.max", "30", "pids.max", "30"),
    ("pids", {"limit": -1}, "pids.max", "max", "pids.max", "max"),
]


def check(bundle: Bundle, case: tuple[str, dict[str, Any], str, str, str, str]) -> None:
    _, _, v1, in_v1, v2, in_v2 = case
    if not (cgroup_files.place(v1.split(".")[0], bundle.cgroups_path) / (v2 if cgroup.is_v2() else v1)).exists():
        pytest.skip("this kernel has no such file")
    assert cgroup_files.read(bundle.cgroups_path, v1, v2) == (in_v2 if cgroup.is_v2() else in_v1)


def test_too_little_memory_to_begin_with_is_said(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"]["memory"] = {"limit": 4096, "swap": 4096}
    assert "memory" in runtime.refuses(bundle)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{'-'.join(case[1])}")
def test_at_create(runtime: Runtime, bundle: Bundle, case: tuple[str, dict[str, Any], str, str, str, str]) -> None:
    bundle.linux["resources"][case[0]] = case[1]
    runtime.create(bundle)
    check(bundle, case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{'-'.join(case[1])}")
def test_by_update(
    runtime: Runtime, bundle: Bundle, scratch: Path, case: tuple[str, dict[str, Any], str, str, str, str]
) -> None:
    container = runtime.create(bundle)
    file = scratch / "resources.json"
    file.write_text(json.dumps({case[0]: case[1]}))
    runtime.expect("update", "--resources", str(file), container.id)
    check(bundle, case)


def test_memory_and_swap_together(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"]["memory"] = {"limit": 64 * MIB, "swap": 96 * MIB}
    runtime.create(bundle)
    expected = 32 * MIB if cgroup.is_v2() else 96 * MIB
    if not (cgroup_files.place("memory", bundle.cgroups_path) / "memory.swap.max").exists() and cgroup.is_v2():
        pytest.skip("this kernel does not count swap")
    assert cgroup_files.read(bundle.cgroups_path, "memory.memsw.limit_in_bytes", "memory.swap.max") == str(expected)


def memory(container: Container) -> tuple[str, str]:
    path = container.bundle.cgroups_path
    return (
        cgroup_files.read(path, "memory.limit_in_bytes", "memory.max"),
        cgroup_files.read(path, "memory.memsw.limit_in_bytes", "memory.swap.max"),
    )


def test_memory_with_swap_is_raised_and_lowered_in_the_order_the_kernel_wants(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"]["memory"] = {"limit": 64 * MIB, "swap": 64 * MIB}
    container = runtime.create(bundle)
    for size in (128, 32, 256):
        runtime.expect("update", f"--memory={size}m", f"--memory-swap={size}m", container.id)
        assert memory(container) == (str(size * MIB), "0" if cgroup.is_v2() else str(size * MIB))


def test_memory_alone_is_changed_within_the_limit_of_memory_and_swap(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"]["memory"] = {"limit": 64 * MIB, "swap": 128 * MIB}
    container = runtime.create(bundle)
    runtime.expect("update", "--memory=96m", container.id)
    assert memory(container) == (str(96 * MIB), str((32 if cgroup.is_v2() else 128) * MIB))
    runtime.fails("update", "--memory=129m", container.id)
    assert memory(container) == (str(96 * MIB), str((32 if cgroup.is_v2() else 128) * MIB))


def test_an_update_keeps_what_it_does_not_name(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"].update(cpu={"shares": 512, "quota": 20000, "period": 50000}, pids={"limit": 30})
    container = runtime.create(bundle)
    runtime.expect("update", "--cpu-quota=10000", container.id)
    assert cgroup_files.read(bundle.cgroups_path, "cpu.cfs_quota_us", "cpu.max").split()[0] == "10000"
    assert cgroup_files.read(bundle.cgroups_path, "cpu.cfs_period_us", "cpu.max").split()[-1] == "50000"
    assert cgroup_files.read(bundle.cgroups_path, "pids.max", "pids.max") == "30"


@pytest.mark.beyond_runc("runc stops halfway")
def test_an_update_that_fails_changes_nothing(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"].update(memory={"limit": 64 * MIB}, cpu={"shares": 512}, pids={"limit": 30})
    container = runtime.create(bundle)
    words = runtime.fails("update", "--memory=32m", "--cpu-share=1024", "--cpuset-cpus=4000", container.id)
    assert "4000" in words
    assert cgroup_files.read(bundle.cgroups_path, "memory.limit_in_bytes", "memory.max") == str(64 * MIB)
    assert cgroup_files.read(bundle.cgroups_path, "cpu.shares", "cpu.weight") in ("512", "59")


def test_update_from_standard_input_as_docker_does(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    container = runtime.create(bundle)
    zeros = {"limit": 0, "reservation": 0, "kernel": 0}
    file = scratch / "docker.json"
    file.write_text(
        json.dumps({"memory": zeros, "cpu": {"shares": 0, "cpus": ""}, "blockIO": {"weight": 0}, "pids": {"limit": 40}})
    )
    with file.open("rb") as stdin:
        runtime.expect("update", "--resources", "-", container.id, stdin=stdin)
    assert cgroup_files.read(bundle.cgroups_path, "pids.max", "pids.max") == "40"


def test_update_of_a_container_that_has_stopped_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    container.kill("KILL")
    container.wait()
    assert "container not running" in runtime.fails("update", "--pids-limit=5", container.id)


def test_memory_below_the_usage_is_refused(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("trap 'exit 0' TERM; x=$(head -c 8000000 /dev/zero | tr '\\0' x); while :; do sleep 0.02; done")
    container = runtime.start(bundle)
    file = scratch / "resources.json"
    file.write_text(json.dumps({"memory": {"limit": 4096, "swap": 4096, "checkBeforeUpdate": True}}))
    words = runtime.fails("update", "--resources", str(file), container.id)
    assert "memory" in words
    assert "4096" in words


@pytest.mark.parametrize(
    "file, value",
    [("memory.high", "33554432"), ("pids.max", "55"), ("cpu.weight", "77"), ("cgroup.max.depth", "5")],
)
def test_unified(runtime: Runtime, bundle: Bundle, file: str, value: str) -> None:
    cgroup_files.v2_only()
    bundle.linux["resources"]["unified"] = {file: value}
    runtime.create(bundle)
    assert (cgroup_files.place(file.split(".", maxsplit=1)[0], bundle.cgroups_path) / file).read_text().strip() == value


@pytest.mark.parametrize("file", ["nonsense.max", "memory.nonsense", "cpu.max"])
def test_unified_is_refused_by_name(runtime: Runtime, bundle: Bundle, file: str) -> None:
    bundle.linux["resources"]["unified"] = {file: "no value"}
    assert file in runtime.refuses(bundle) or not cgroup.is_v2()


@pytest.mark.parametrize("command", ["create", "update"])
def test_a_limit_whose_controller_the_host_lacks_is_refused_by_name(
    runtime: Runtime, bundle: Bundle, command: str
) -> None:
    limit = {"rdma": {"mlx5_1": {"hcaHandles": 3}}}
    if "rdma" in Path("/proc/cgroups").read_text().split():
        pytest.skip("this kernel has the rdma controller")
    if command == "create":
        bundle.linux["resources"].update(limit)
        assert "/linux/resources/rdma: " in runtime.refuses(bundle)
    else:
        bundle.sleeps()
        document = bundle.path / "limits.json"
        document.write_text(json.dumps(limit))
        result = runtime.call("update", "--resources", str(document), runtime.start(bundle).id)
        assert result.status == 1
        assert "pyoci: /rdma: " in result.stderr


def test_huge_pages(runtime: Runtime, bundle: Bundle) -> None:
    if not os.path.isdir("/sys/kernel/mm/hugepages/hugepages-2048kB"):
        pytest.skip("this kernel has no huge pages of 2 MB")
    bundle.linux["resources"]["hugepageLimits"] = [{"pageSize": "2MB", "limit": 4 * MIB}]
    result = runtime.call("create", "--bundle", str(bundle.path), runtime.add(bundle))
    if result.status:
        assert "hugepageLimits 2MB: the hugetlb controller" in result.stderr or not runtime.is_pyoci
        pytest.skip("no hugetlb controller on this machine")
    groups = cgroup_files.every(bundle.cgroups_path)
    # faults, and where the kernel counts them, reservations
    limits = [group / name for group in groups for name in ("hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max")]
    reserved = [group / f"hugetlb.2MB.rsvd.{name}" for group in groups for name in ("limit_in_bytes", "max")]
    assert [file.read_text().strip() for file in limits if file.exists()] == [str(4 * MIB)]
    assert {file.read_text().strip() for file in reserved if file.exists()} <= {str(4 * MIB)}


@pytest.mark.parametrize("weight", [10, 500])
def test_block_io_weight(runtime: Runtime, bundle: Bundle, weight: int) -> None:
    bundle.linux["resources"]["blockIO"] = {"weight": weight}
    names = ("io.bfq.weight", "blkio.bfq.weight", "blkio.weight", "io.weight")
    result = runtime.call("create", "--bundle", str(bundle.path), runtime.add(bundle))
    files = [folder / name for folder in cgroup_files.every(bundle.cgroups_path) for name in names]
    found = [file for file in files if file.exists()]
    if not found:
        assert "/linux/resources/blockIO/weight" in result.stderr
        pytest.skip("this kernel has no weights for block devices")
    value = found[0].read_text().split()[-1]
    assert value in (str(weight), str(1 + (weight - 10) * 9999 // 990))


# property of blockIO: file of v1, word of io.max
THROTTLES = {
    "throttleReadBpsDevice": ("blkio.throttle.read_bps_device", "rbps"),
    "throttleWriteBpsDevice": ("blkio.throttle.write_bps_device", "wbps"),
    "throttleReadIOPSDevice": ("blkio.throttle.read_iops_device", "riops"),
    "throttleWriteIOPSDevice": ("blkio.throttle.write_iops_device", "wiops"),
}


def disk() -> tuple[int, int]:
    """The numbers of a disk of this machine."""
    for folder in sorted(Path("/sys/block").iterdir()):
        is_real = not folder.name.startswith(("loop", "ram", "zram", "nbd", "fd", "sr"))
        if is_real and int((folder / "size").read_text()):
            major, minor = (folder / "dev").read_text().split(":")
            return int(major), int(minor)
    pytest.skip("this machine has no disk")


@pytest.mark.parametrize(
    "how", ["create", pytest.param("update", marks=pytest.mark.beyond_runc("its update has weights only"))]
)
@pytest.mark.parametrize("name", THROTTLES)
def test_throttles_of_a_disk(runtime: Runtime, bundle: Bundle, scratch: Path, name: str, how: str) -> None:
    major, minor = disk()
    limit = {"blockIO": {name: [{"major": major, "minor": minor, "rate": 1000}]}}
    if how == "create":
        bundle.linux["resources"].update(limit)
        runtime.create(bundle)
    else:
        container = runtime.create(bundle)
        (scratch / "limits").write_text(json.dumps(limit))
        runtime.expect("update", "--resources", str(scratch / "limits"), container.id)
    file, word = THROTTLES[name]
    line = cgroup_files.read(bundle.cgroups_path, file, "io.max").split()
    assert line[0] == f"{major}:{minor}"
    assert (f"{word}=1000" if cgroup.is_v2() else "1000") in line[1:]


def test_a_limit_of_kernel_memory_is_warned_of_on_v1(runtime: Runtime, bundle: Bundle) -> None:
    """The kernel takes the number and does nothing with it since 5.16."""
    cgroup_files.v1_only()
    bundle.sleeps()
    bundle.linux["resources"]["memory"] = {"kernel": 1 << 30}
    container = runtime.start(bundle)
    assert "/linux/resources/memory/kernel: is ignored by Linux 5.16 and later" in container.stderr
    result = runtime.expect("update", "--kernel-memory", "900m", container.id)
    assert "warning: /memory/kernel: 943718400 is ignored by Linux 5.16 and later" in result.stderr


def test_swappiness_and_oom_killer_on_v1(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.v1_only()
    bundle.linux["resources"]["memory"] = {"swappiness": 7, "disableOOMKiller": True}
    runtime.create(bundle)
    group = cgroup_files.place("memory", bundle.cgroups_path)
    assert (group / "memory.swappiness").read_text().strip() == "7"
    assert "oom_kill_disable 1" in (group / "memory.oom_control").read_text()


@pytest.mark.beyond_runc("runc passes over what v2 lacks")
def test_what_v2_lacks_is_refused_by_name(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.v2_only()
    bundle.linux["resources"]["memory"] = {"swappiness": 7}
    assert "/linux/resources/memory/swappiness" in runtime.refuses(bundle)


def test_realtime(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.v1_only()
    if not (cgroup_files.place("cpu", "/") / "cpu.rt_runtime_us").exists():
        pytest.skip("this kernel has no realtime groups")
    if "rt_group_sched=0" in Path("/proc/cmdline").read_text():
        pytest.skip("realtime groups are turned off")
    parent = cgroup_files.place("cpu", os.path.dirname(bundle.cgroups_path))
    parent.mkdir(exist_ok=True)
    try:
        (parent / "cpu.rt_runtime_us").write_text("10000")
    except OSError as error:
        pytest.skip(f"the parent takes no realtime: {error}")
    bundle.linux["resources"]["cpu"] = {"realtimeRuntime": 5000, "realtimePeriod": 500000}
    runtime.create(bundle)
    assert cgroup_files.read(bundle.cgroups_path, "cpu.rt_runtime_us", "") == "5000"
    assert cgroup_files.read(bundle.cgroups_path, "cpu.rt_period_us", "") == "500000"


def test_class_and_priorities_of_the_network_on_v1(runtime: Runtime, bundle: Bundle) -> None:
    """Documentation/admin-guide/cgroup-v1/net_cls.rst and net_prio.rst; only v1 has them."""
    cgroup_files.v1_only()
    if "net_prio" not in cgroup.hierarchies():
        pytest.skip("no hierarchy with the controller net_prio is mounted")
    network = {"classID": 0x10001, "priorities": [{"name": "lo", "priority": 7}]}
    bundle.linux["resources"]["network"] = network
    runtime.create(bundle)
    assert cgroup_files.read(bundle.cgroups_path, "net_cls.classid", "") == str(0x10001)
    group = cgroup_files.place("net_prio", bundle.cgroups_path)
    assert "lo 7" in (group / "net_prio.ifpriomap").read_text().splitlines()


def test_priority_of_a_device_that_is_not_there_on_v1(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.v1_only()
    if "net_prio" not in cgroup.hierarchies():
        pytest.skip("no hierarchy with the controller net_prio is mounted")
    bundle.linux["resources"]["network"] = {"priorities": [{"name": "no-such0", "priority": 7}]}
    assert "/linux/resources/network/priorities" in runtime.refuses(bundle)


@pytest.mark.beyond_runc("takes 0 for no limit, or for 1")
def test_podmans_limit_of_no_processes(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    """At create and by update: podman before 5.4.1 writes 0 for --pids-limit=-1."""
    bundle.config["annotations"] = {"io.container.manager": "libpod"}
    bundle.linux["resources"]["pids"] = {"limit": 0}
    bundle.sleeps()
    container = runtime.start(bundle)
    assert cgroup_files.read(bundle.cgroups_path, "pids.max", "pids.max") == "max"
    runtime.expect("update", "--pids-limit=30", container.id)
    assert cgroup_files.read(bundle.cgroups_path, "pids.max", "pids.max") == "30"
    limits = scratch / "limits.json"
    limits.write_text(json.dumps(bundle.linux["resources"]))
    runtime.expect("update", "--resources", str(limits), container.id)
    assert cgroup_files.read(bundle.cgroups_path, "pids.max", "pids.max") == "max"
