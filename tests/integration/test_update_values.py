"""`update` with values that nobody means: what the kernel then shows, or a refusal by name that changes nothing."""

from __future__ import annotations

import json
import os
import re
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
    return found


def content(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:  # a file that can only be written
        return str(error)


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
