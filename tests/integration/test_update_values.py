"""`update` with values that nobody means: what the kernel then shows, or a refusal by name that changes nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime
from helpers.sandbox import MARK

pytestmark = [pytest.mark.thorough, pytest.mark.beyond_runc("it leaves half an update in force, and ignores some")]

MIB = 1 << 20
DISK = {"major": 7, "minor": 0}
LIMITS = re.compile(
    r"limit_in_bytes|\.max|weight|shares|cfs_|rt_|cpuset\.(cpus|mems)$|swappiness|oom_control|throttle\.[rw]"
    r"|idle|latency|memory\.(min|low|high|oom\.group)"
)
PROPERTIES = (
    *("AllowedCPUs", "AllowedMemoryNodes", "BlockIOWeight", "CPUQuotaPeriodUSec", "CPUQuotaPerSecUSec", "CPUShares"),
    *("CPUWeight", "IOWeight", "MemoryHigh", "MemoryLimit", "MemoryLow", "MemoryMax", "MemoryMin", "MemorySwapMax"),
    "TasksMax",
)
# what the kernel refuses after it has taken the rest
LATE = (
    {"unified": {"cgroup.max.depth": "x"}}
    if cgroup.is_v2()
    else {"blockIO": {"throttleWriteIOPSDevice": [{"major": 4095, "minor": 0, "rate": 5}]}}
)
# option, file of v1 and its content, file of v2 and its content
TAKEN = [
    ("--memory=64m", "memory.limit_in_bytes", str(64 * MIB), "memory.max", str(64 * MIB)),
    ("--memory=-1", "memory.limit_in_bytes", "9223372036854771712", "memory.max", "max"),
    ("--memory-reservation=4097", "memory.soft_limit_in_bytes", "4096", "memory.low", "4096"),
    ("--pids-limit=0", "pids.max", "1", "pids.max", "1"),
    ("--pids-limit=4194304", "pids.max", "4194304", "pids.max", "4194304"),
    ("--pids-limit=-1", "pids.max", "max", "pids.max", "max"),
    ("--cpu-share=2", "cpu.shares", "2", "cpu.weight", "1"),
    ("--cpu-share=262144", "cpu.shares", "262144", "cpu.weight", "10000"),
    ("--cpu-quota=1000", "cpu.cfs_quota_us", "1000", "cpu.max", "1000 100000"),
    ("--cpu-quota=-1", "cpu.cfs_quota_us", "-1", "cpu.max", "max 100000"),
    ("--cpu-period=1000000", "cpu.cfs_period_us", "1000000", "cpu.max", "max 1000000"),
]
# option, or a document of --resources, and words of the refusal
REFUSED: list[tuple[str | dict[str, Any], str]] = [
    ("--memory=18446744073709551616", "option --memory: "),
    ("--memory=-2", "option --memory: "),
    ("--memory-reservation=9223372036854775808", "option --memory-reservation: "),
    ("--memory-swap=1e3", "option --memory-swap: "),
    ("--cpu-share=9223372036854775808", "option --cpu-share: "),
    ("--cpu-quota=999", "/cpu/quota: "),
    ("--cpu-period=1000001", "/cpu/period: "),
    ("--cpu-burst=18446744073709552", "/cpu/burst: "),
    ("--cpu-idle=2", "/cpu/idle"),
    ("--cpu-rt-period=9223372036854775807", "/cpu/realtimePeriod: "),
    ("--cpuset-cpus=0-", "/cpu/cpus: "),
    ("--cpuset-mems=4294967296", "/cpu/mems: "),
    ("--blkio-weight=9", "option --blkio-weight: "),
    ("--pids-limit=4194305", "/pids/limit: "),
    ({"memory": {"limit": "5"}}, "/memory/limit: "),
    ({"memory": {"limit": 64 * MIB, "swap": 32 * MIB}}, "/memory/swap: "),
    ({"memory": {"swappiness": 101}}, "/memory/swappiness: "),
    ({"memory": {"useHierarchy": False}}, "/memory/useHierarchy: "),
    ({"blockIO": {"throttleReadBpsDevice": [{**DISK, "minor": 1 << 20, "rate": 5}]}}, "/blockIO/throttleReadBpsDevice"),
    ({"blockIO": {"throttleWriteIOPSDevice": [{**DISK, "rate": 1 << 32}]}}, "/blockIO/throttleWriteIOPSDevice"),
    (
        {"blockIO": {"throttleReadBpsDevice": [{"major": 4095, "minor": 0, "rate": 5}]}},
        "has no disk with these numbers",
    ),
    ({"hugepageLimits": [{"pageSize": "3MB", "limit": 1}]}, "/hugepageLimits"),
    ({"network": {"priorities": [{"name": "nope", "priority": 3}]}}, "/network/priorities: "),
    ({"rdma": {"nope": {"hcaHandles": 1}}}, "/rdma: "),
    ({"unified": {"memory.high": str(1 << 64)}}, "/unified 'memory.high': "),
    ({"unified": {"cgroup.procs": "1"}}, "/unified 'cgroup.procs': "),
]
MANAGERS = [
    pytest.param(False, id="cgroupfs"),
    pytest.param(
        True,
        id="systemd",
        marks=pytest.mark.skipif(not os.path.isdir("/run/systemd/system"), reason="this system is not run by systemd"),
    ),
]


def begin(runtime: Runtime, bundle: Bundle, *, systemd: bool) -> Container:
    bundle.sleeps()
    if systemd:
        bundle.linux["cgroupsPath"] = f"system.slice:{MARK}:{bundle.path.parent.name}"
    return runtime.create(bundle, options=["--systemd-cgroup"] if systemd else [])


def limits(container: Container) -> dict[str, str]:
    groups = {folder for path in cgroup.of_process(container.pid).values() for folder in cgroup_files.every(path)}
    found: dict[str, str] = {}
    for folder in groups - set(cgroup.hierarchies().values()):
        found |= {str(file): content(file) for file in folder.iterdir() if LIMITS.search(file.name) and file.is_file()}
    assert found
    unit = cgroup.of_process(container.pid)["" if cgroup.is_v2() else "pids"].rpartition("/")[2]
    if unit.endswith(".scope"):
        command = ["systemctl", "show", *(f"--property={name}" for name in PROPERTIES), unit]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found |= dict(line.split("=", 1) for line in shown.splitlines())
    return found


def content(file: Path) -> str:
    effective = file.with_name(f"{file.name}.effective")
    try:
        if file.name in ("cpuset.cpus", "cpuset.mems") and not file.read_text().strip() and effective.exists():
            return effective.read_text()  # Linux 6.1 does not let a group with processes have none of its own again
        return file.read_text()
    except OSError as error:  # a file that can only be written
        return str(error)


def disk() -> dict[str, int]:
    """A disk of this machine that a group may have limits for."""
    for block in sorted(Path("/sys/block").iterdir()):
        if not block.name.startswith(("loop", "ram", "zram")) and int((block / "size").read_text()):
            major, minor = (block / "dev").read_text().split(":")
            return {"major": int(major), "minor": int(minor)}
    pytest.skip("this machine has no disk")


def changes() -> list[dict[str, Any]]:
    """Something of each kind of limit; kernels lack some."""
    throttled = {**disk(), "rate": 1 << 30}
    number = "{major}:{minor}".format(**throttled)
    throttle = {name: [throttled] for name in ("throttleReadBpsDevice", "throttleWriteBpsDevice")}
    of_v2 = {
        "memory.high": "1G",
        "memory.oom.group": "1",
        "io.latency": f"{number} target=9000",
        "hugetlb.2MB.max": "0",
    }
    return [
        {"memory": {"limit": 64 * MIB, "reservation": 32 * MIB}},
        {"memory": {"limit": 64 * MIB, "swap": 96 * MIB}},
        {"memory": {"disableOOMKiller": True}},
        {"memory": {"swappiness": 7}},
        {"cpu": {"shares": 300}},
        {"cpu": {"quota": 33333, "burst": 7}},
        {"cpu": {"period": 30000}},
        {"cpu": {"cpus": "0"}},
        {"cpu": {"mems": "0"}},
        {"cpu": {"idle": 1}},
        {"pids": {"limit": 9}},
        {"blockIO": throttle},
        {"blockIO": {"weight": 50, "weightDevice": [{**disk(), "weight": 30}]}},
        {"hugepageLimits": [{"pageSize": "2MB", "limit": 2 * MIB}]},
        *({"unified": {name: value}} for name, value in of_v2.items()),
    ]


def both(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """One document with the limits of two; those of the second come after those of the first."""
    return first | {name: {**first.get(name, {}), **limit} for name, limit in second.items()}


@pytest.mark.parametrize("systemd", MANAGERS)
def test_what_is_refused_late_leaves_every_limit_as_it_was(
    runtime: Runtime, bundle: Bundle, scratch: Path, systemd: bool
) -> None:
    container = begin(runtime, bundle, systemd=systemd)
    file = scratch / "resources.json"
    taken = []
    for change in changes():
        before = limits(container)
        for document in (both(change, LATE), change):
            file.write_text(json.dumps(document))
            result = runtime.call("update", "--resources", str(file), container.id)
            if document is change and result.status == 0:
                if limits(container) != before:  # a group of v1 has all memory nodes in any case
                    taken.append(change)
            else:
                assert result.status != 0, document
                now = limits(container)  # with a controller that is enabled files appear
                assert {name: now[name] for name in before} == before, (document, result.stderr)
    assert len(taken) > len(changes()) // 2


def test_what_an_update_does_not_name_stays_when_systemd_writes_all_files_of_a_controller(
    runtime: Runtime, bundle: Bundle
) -> None:
    if not os.path.isdir("/run/systemd/system"):
        pytest.skip("this system is not run by systemd")
    bundle.linux["resources"]["cpu"] = {"quota": 33333, "burst": 7}
    if cgroup.is_v2():
        bundle.linux["resources"]["unified"] = {"memory.oom.group": "1"}
    container = begin(runtime, bundle, systemd=True)
    for option, changed in (
        ("--cpu-share=512", r"cpu\.(shares|weight)|CPU(Shares|Weight)"),
        ("--memory=67108864", r"memory\.(memsw\.)?limit|memory\.(swap\.)?max|Memory(Limit|Max|SwapMax)"),
        ("--pids-limit=9", r"pids\.max|TasksMax"),
        ("--cpuset-cpus=0", r"cpuset\.cpus|AllowedCPUs"),
    ):
        before = limits(container)
        runtime.expect("update", option, container.id)
        now = limits(container)
        differing = {name: (before[name], now[name]) for name in before if before[name] != now[name]}
        assert differing, option
        assert not [name for name in differing if not re.search(changed, name)], (option, differing)


@pytest.mark.parametrize("systemd", MANAGERS)
def test_the_kernel_has_what_was_asked_for(runtime: Runtime, bundle: Bundle, systemd: bool) -> None:
    container = begin(runtime, bundle, systemd=systemd)
    for option, v1, of_v1, v2, of_v2 in TAKEN:
        runtime.expect("update", option, container.id)
        path = cgroup.of_process(container.pid)["" if cgroup.is_v2() else v1.split(".")[0]]
        assert cgroup_files.read(path, v1, v2) == (of_v2 if cgroup.is_v2() else of_v1), option
        runtime.expect("update", "--cpu-quota=-1", container.id)


@pytest.mark.parametrize("systemd", MANAGERS)
def test_a_refusal_names_the_value_and_changes_nothing(
    runtime: Runtime, bundle: Bundle, scratch: Path, systemd: bool
) -> None:
    container = begin(runtime, bundle, systemd=systemd)
    before = limits(container)
    file = scratch / "resources.json"
    for asked, words in REFUSED:
        if isinstance(asked, str):
            arguments = [asked, *([] if "--pids" in asked else ["--pids-limit=7"])]
        else:
            file.write_text(json.dumps({"pids": {"limit": 7}, **asked}))
            arguments = ["--resources", str(file)]
        said = runtime.fails("update", *arguments, container.id)
        assert words in said, (asked, said)
        assert not said.endswith("(EINVAL)\n"), (asked, said)
        now = limits(container)
        assert {name: now[name] for name in before} == before, asked
