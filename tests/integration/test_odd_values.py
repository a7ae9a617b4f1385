"""Values that nobody means: each is applied, or refused with the name of its property; nothing is left."""

from __future__ import annotations

import re
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = [pytest.mark.thorough, pytest.mark.beyond_runc("takes some, and names the property of few")]

BIG, HUGE = (1 << 63) - 1, 1 << 64
NUMBERS = [-1, 0, -BIG - 1, BIG, HUGE]
TEXTS = ["", "a\0b", "a\nb", "x" * 5000]
VALUES: dict[str, list[Any]] = {}
ALLOWS = {"defaultAction": "SCMP_ACT_ALLOW"}


def put(path: str, values: list[Any]) -> None:
    VALUES[path] = values


for name in (
    "memory/limit",
    "memory/reservation",
    "memory/swap",
    "memory/kernel",
    "memory/swappiness",
    "cpu/shares",
    "cpu/quota",
    "cpu/period",
    "cpu/burst",
    "cpu/realtimeRuntime",
    "cpu/idle",
    "pids/limit",
    "blockIO/weight",
    "network/classID",
):
    put("linux/resources/" + name, NUMBERS)
for name in ("cpu/cpus", "cpu/mems"):
    put("linux/resources/" + name, TEXTS)
put(
    "linux/resources/hugepageLimits",
    [[], [{"pageSize": "", "limit": 1}], [{"pageSize": "2MB", "limit": HUGE}], [{"pageSize": "x\0", "limit": 1}]],
)
put(
    "linux/resources/network/priorities",
    [[], [{"name": "", "priority": 1}], [{"name": "lo", "priority": HUGE}], [{"name": "a\nb", "priority": 1}]],
)
put(
    "linux/resources/blockIO/throttleReadBpsDevice",
    [[], [{"major": -1, "minor": 0, "rate": 1}], [{"major": 8, "minor": 0, "rate": HUGE}]],
)
put(
    "linux/resources/devices",
    [
        [],
        [{"allow": True, "major": HUGE, "access": "r"}],
        [{"allow": True, "access": ""}],
        [{"allow": True, "type": "", "access": "r"}],
    ],
)
put("linux/resources/unified", [{}, {"": "1"}, {"a\0": "1"}, {"a/../b": "1"}, {"pids.max": "1\n2"}])
put("linux/resources/rdma", [{}, {"": {"hcaHandles": 1}}, {"a\nb": {"hcaHandles": HUGE}}])
put(
    "process/rlimits",
    [
        [],
        [{"type": "", "soft": 1, "hard": 1}],
        [{"type": "RLIMIT_CORE", "soft": HUGE, "hard": HUGE}],
        [{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}],
        [{"type": "RLIMIT_CORE", "soft": -1, "hard": -1}],
        [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}] * 2,
    ],
)
put(
    "process/user",
    [
        {"uid": -1, "gid": 0},
        {"uid": HUGE, "gid": 0},
        {"uid": 4294967295, "gid": 0},
        {"uid": 0, "gid": 0, "additionalGids": [4294967295]},
        {"uid": 0, "gid": 0, "additionalGids": [1, 1]},
        {"uid": 0, "gid": 0, "umask": HUGE},
        {"uid": 0, "gid": 0, "umask": -1},
    ],
)
put(
    "process/scheduler",
    [
        {},
        {"policy": ""},
        {"policy": "SCHED_OTHER", "nice": 100},
        {"policy": "SCHED_FIFO", "priority": HUGE},
        {"policy": "SCHED_DEADLINE", "runtime": HUGE, "deadline": 1, "period": 1},
        {"policy": "SCHED_OTHER", "flags": [""]},
    ],
)
put(
    "process/ioPriority",
    [{}, {"class": ""}, {"class": "IOPRIO_CLASS_BE", "priority": 8}, {"class": "IOPRIO_CLASS_IDLE", "priority": -1}],
)
put(
    "process/execCPUAffinity",
    [{}, {"initial": ""}, {"initial": "0-99999999"}, {"initial": "0\0"}, {"final": "-1"}, {"initial": "4294967296"}],
)
put(
    "process/capabilities",
    [{}, {"bounding": [""]}, {"bounding": ["CAP_\0"]}, {"effective": ["CAP_KILL"] * 2}, {"ambient": ["x" * 5000]}],
)
put("process/oomScoreAdj", [-1001, 1001, HUGE, 0])
put(
    "hooks",
    [
        {},
        {"poststop": []},
        {"createRuntime": [{"path": ""}]},
        {"createRuntime": [{"path": "rel"}]},
        {"createRuntime": [{"path": "/bin/true", "timeout": -1}]},
        {"createRuntime": [{"path": "/bin/true", "timeout": 0}]},
        {"createRuntime": [{"path": "/bin/true", "timeout": HUGE}]},
        {"createRuntime": [{"path": "/bin/true", "timeout": BIG}]},
        {"createRuntime": [{"path": "/bin/true", "args": []}]},
        {"createRuntime": [{"path": "/bin/true", "args": ["a\0b"]}]},
        {"createRuntime": [{"path": "/bin/true", "env": ["A\0=1"]}]},
        {"createRuntime": [{"path": "/bin/true", "env": ["A"]}]},
        {"createRuntime": [{"path": "/a\0b"}]},
    ],
)
put(
    "linux/seccomp",
    [
        {},
        ALLOWS,
        ALLOWS | {"syscalls": []},
        ALLOWS | {"syscalls": [{"names": [], "action": "SCMP_ACT_ERRNO"}]},
        ALLOWS | {"syscalls": [{"names": [""], "action": "SCMP_ACT_ERRNO"}]},
        ALLOWS | {"syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_ERRNO", "errnoRet": HUGE}]},
        ALLOWS | {"syscalls": [{"names": ["swapon"], "action": "SCMP_ACT_ERRNO", "errnoRet": 4096}]},
        ALLOWS
        | {
            "syscalls": [
                {
                    "names": ["swapon"],
                    "action": "SCMP_ACT_ERRNO",
                    "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}],
                }
            ]
        },
        ALLOWS
        | {
            "syscalls": [
                {
                    "names": ["swapon"],
                    "action": "SCMP_ACT_ERRNO",
                    "args": [{"index": 0, "value": HUGE, "op": "SCMP_CMP_EQ"}],
                }
            ]
        },
        ALLOWS | {"architectures": []},
        ALLOWS | {"architectures": [""]},
        ALLOWS | {"architectures": ["SCMP_ARCH_X86_64"] * 2},
        ALLOWS | {"flags": [""]},
        ALLOWS | {"listenerPath": ""},
        ALLOWS | {"listenerPath": "a\0b"},
        {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1},
    ],
)
put(
    "linux/intelRdt",
    [{}, {"closID": ""}, {"closID": "a/b"}, {"closID": "a\nb"}, {"l3CacheSchema": ""}, {"schemata": ["a\nb"]}],
)
put(
    "linux/memoryPolicy",
    [
        {},
        {"mode": ""},
        {"mode": "MPOL_BIND", "nodes": ""},
        {"mode": "MPOL_BIND", "nodes": "99999999999"},
        {"mode": "MPOL_DEFAULT", "nodes": "0"},
        {"mode": "MPOL_BIND", "nodes": "0\0"},
    ],
)
put(
    "linux/timeOffsets",
    [
        {},
        {"monotonic": {"secs": HUGE}},
        {"monotonic": {"secs": BIG}},
        {"monotonic": {"secs": -BIG}},
        {"monotonic": {"nanosecs": 1000000000}},
        {"x": {"secs": 1}},
    ],
)
put(
    "linux/netDevices",
    [{}, {"": {}}, {"a\0b": {}}, {"nope": {}}, {"lo": {"name": "x" * 20}}, {"lo": {"name": "a/b"}}, {"a\nb": {}}],
)
put("linux/personality", [{}, {"domain": ""}, {"domain": "LINUX", "flags": [""]}, {"domain": "LINUX", "flags": []}])
put("annotations", [{}, {"": "x"}, {"a": ""}, {"a\0b": "x"}, {"a": "x\0y"}, {"a\nb": "c\nd"}, {"a": "x" * 100000}])

NO_WORDS_FOR_A_PERSON = re.compile(r"Error\b(?! running)|Traceback|internal error|<class|object at").search


@pytest.mark.parametrize("path", VALUES)
def test_applied_or_refused_by_name(runtime: Runtime, bundle: Bundle, path: str) -> None:
    if path == "linux/timeOffsets":
        bundle.namespace("time")
    *parents, last = path.split("/")
    place = bundle.config
    for name in parents:
        place = place.setdefault(name, {})
    for value in VALUES[path]:
        place[last] = value
        result = runtime.run(bundle, limit=60)
        assert result.status in (0, 1), f"{value!r:.200}: {result}"
        assert not NO_WORDS_FOR_A_PERSON(result.stderr), f"{value!r:.200}: {result}"
        assert len(result.stderr) < 3200
        assert not list(runtime.root.glob("*"))
        if result.status:
            assert last.removesuffix("s") in result.stderr.splitlines()[-1], f"{value!r:.200}: {result}"
