"""Hostile documents: config.json, process.json, state.json and resources end in a plan or in a PyociError."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from helpers import fake_init, fuzz
from hypothesis import given
from hypothesis import strategies as st

from pyoci import cgroups, jsontext
from pyoci.cgroups import device_program, devices, limits, resources_v1, resources_v2, systemd_units
from pyoci.errors import ConfigError, PyociError, StateError
from pyoci.plan import exec as exec_plan
from pyoci.plan import process as process_plan
from pyoci.plan.build import build
from pyoci.plan.facts import Facts
from pyoci.plan.request import Request
from pyoci.spec import bundle, rules, template
from pyoci.state import model
from pyoci.state.model import document

FACTS = Facts(uid=0, gid=0, capabilities=(1 << 41) - 1, apparmor=True, selinux=True)
RESOURCES: dict[str, Any] = {
    "devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"}],
    "memory": {"limit": 1 << 20, "swap": 1 << 21, "reservation": 4096, "swappiness": 10, "disableOOMKiller": True},
    "cpu": {"shares": 2, "quota": 1000, "period": 5000, "burst": 10, "cpus": "0-1", "mems": "0", "idle": 1},
    "pids": {"limit": 5},
    "blockIO": {
        "weight": 100,
        "leafWeight": 100,
        "weightDevice": [{"major": 8, "minor": 0, "weight": 10}],
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}],
    },
    "hugepageLimits": [{"pageSize": "2MB", "limit": 0}],
    "network": {"classID": 1, "priorities": [{"name": "lo", "priority": 1}]},
    "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10}},
    "unified": {"memory.max": "max", "cpu.max": "100 1000", "cpuset.cpus": "0-1"},
}
SECCOMP: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 1,
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "listenerPath": "/run/agent",
    "listenerMetadata": "x",
    "syscalls": [
        {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["clone"], "action": "SCMP_ACT_NOTIFY",
         "args": [{"index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}]},
    ],
}  # fmt: skip


def _config() -> dict[str, Any]:
    config = template.default("1.2.0")
    config["domainname"] = "example"
    config["annotations"] = {"a": "b"}
    config["hooks"] = {"poststop": [{"path": "/bin/true", "args": ["true"], "env": ["A=b"], "timeout": 5}]}
    config["process"] |= {
        "consoleSize": {"height": 5, "width": 5},
        "user": {"uid": 0, "gid": 0, "umask": 18, "additionalGids": [1, 2]},
        "apparmorProfile": "p",
        "selinuxLabel": "l",
        "oomScoreAdj": 5,
        "scheduler": {"policy": "SCHED_BATCH", "nice": 1},
        "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 0},
        "execCPUAffinity": {"initial": "0", "final": "0-1"},
    }
    config["mounts"].append(
        {"destination": "/x", "type": "none", "source": "x", "options": ["bind", "ro", "idmap"],
         "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}],
         "gidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}
    )  # fmt: skip
    config["linux"] |= {
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup", "user", "time")],
        "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
        "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
        "timeOffsets": {"monotonic": {"secs": 1, "nanosecs": 2}},
        "devices": [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 438, "uid": 0, "gid": 0}],
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "cgroupsPath": "/a/b",
        "resources": copy.deepcopy(RESOURCES),
        "rootfsPropagation": "slave",
        "seccomp": copy.deepcopy(SECCOMP),
        "mountLabel": "l",
        "personality": {"domain": "LINUX"},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"},
        "netDevices": {"eth0": {"name": "eth1"}},
    }
    return config


CONFIG = _config()
PIECES = [b"\\ud800", b"\\u0000", b"NaN", b"[" * 200, b"1e999"]


def through_text(made: Any) -> Any:
    """As a document arrives: by way of its text, which may refuse it."""
    return jsontext.loads(json.dumps(made).encode(), what="fuzz")


def test_what_is_changed_is_good_to_begin_with() -> None:
    config = through_text(CONFIG)
    bundle.check_document(config, "config")
    assert rules.check(config) == []
    build(config, Request(container_id="x", bundle="/b"), FACTS)


@fuzz.budget(300)
@given(fuzz.changed(CONFIG))
def test_config(made: Any) -> None:
    with fuzz.files_only_below():
        try:
            config = through_text(made)
            bundle.check_document(config, "config")
            problems = rules.check(config)
            rules.warnings(config)
            if problems:
                raise ConfigError(problems)
            plan = build(config, Request(container_id="x", bundle="/b"), FACTS)
            repr(plan)
        except PyociError as error:
            assert str(error)


@fuzz.budget(150)
@given(fuzz.changed(CONFIG))
def test_all_problems_of_a_config(made: Any) -> None:
    try:
        config = through_text(made)
    except ConfigError:
        return
    assert all(bundle.all_problems(config))


@fuzz.budget(400)
@given(fuzz.spoilt(json.dumps(template.default("1.2.0")).encode(), PIECES))
def test_text_of_a_config(data: bytes) -> None:
    try:
        bundle.check_document(jsontext.loads(data, what="fuzz"), "config")
    except PyociError as error:
        assert str(error)


@fuzz.budget(400)
@given(fuzz.changed(CONFIG["process"]), st.sampled_from([{}, {"seccomp": SECCOMP}]))
def test_process(made: Any, linux: dict[str, Any]) -> None:
    try:
        process = through_text(made)
        bundle.check_document(process, "process")
        process_plan.plan(process, linux, Request(container_id="x", bundle="/b"), FACTS, False, [])
    except PyociError as error:
        assert str(error)


@fuzz.budget(300)
@given(fuzz.changed(SECCOMP, changes=2))
def test_seccomp(made: Any) -> None:
    try:
        linux = {"namespaces": [{"type": "mount"}], "seccomp": made}
        config = through_text({**template.default("1.2.0"), "linux": linux})
        bundle.check_document(config, "config")
        build(config, Request(container_id="x", bundle="/b"), FACTS)
    except PyociError as error:
        assert str(error)


@fuzz.budget(200)
@given(
    st.one_of(st.text(max_size=12), st.sampled_from(fuzz.WORDS), st.lists(st.sampled_from(fuzz.WORDS)).map(":".join))
)
def test_user_of_exec(text: str) -> None:
    try:
        found = exec_plan.parse_user(text)
    except PyociError:
        return
    assert all(0 <= value < 1 << 32 for value in found.values())


@fuzz.budget(500)
@given(fuzz.changed(RESOURCES))
def test_resources(made: Any) -> None:
    try:
        resources = through_text(made)
        bundle.check_document(resources, "resources")
    except PyociError:
        return
    v2 = {"memory.max": "max\n", "memory.current": "4096\n", "cpu.max": "100 100000\n"}
    for use in (
        lambda: resources_v1.plan(resources),
        lambda: resources_v1.plan(resources, hugetlb_is_unified=True),
        lambda: limits.of_new_group(resources, unified=True),
        lambda: limits.of_new_group(resources, unified=False),
        lambda: resources_v2.plan(resources, v2),
        lambda: systemd_units.properties(resources_v2.plan(resources, v2), True, {}),
        lambda: systemd_units.properties(resources_v1.plan(resources), False, {}),
        lambda: devices.for_v1(devices.rules_of(resources.get("devices"))),
        lambda: device_program.build(devices.rules_of(resources.get("devices"))),
    ):
        try:
            use()
        except PyociError as error:
            assert str(error)


STATE = json.loads(
    model.to_bytes(
        fake_init.state(
            "x",
            pid=4000000,
            pid_start=1,
            cgroup={"layout": "v1", "groups": {"memory": ["/sys/fs/cgroup/memory", "/x", 7, True]}, "rootless": False},
            annotations={"a": "b"},
            hooks={"poststop": [{"path": "/bin/true"}]},
        )
    )
)


@fuzz.budget(400)
@given(fuzz.changed(STATE))
def test_state(made: Any) -> None:
    try:
        state = model.from_bytes(json.dumps(made).encode(), "state.json")
    except StateError as error:
        assert str(error)
        return
    jsontext.dumps(document(state, "stopped"))
    assert model.from_bytes(model.to_bytes(state), "state.json") == state


@fuzz.budget(300)
@given(fuzz.changed(STATE["cgroup"]))
def test_cgroup_of_a_state(made: Any) -> None:
    if not isinstance(made, dict):
        return
    try:
        cgroups.reopen(made)
    except PyociError as error:
        assert str(error)


@fuzz.budget(200)
@given(fuzz.spoilt(json.dumps(STATE).encode()))
def test_text_of_a_state(data: bytes) -> None:
    try:
        model.from_bytes(data, "state.json")
    except StateError as error:
        assert str(error)


@fuzz.budget(200)
@given(st.one_of(st.text(max_size=30), st.lists(st.sampled_from(fuzz.WORDS)).map("/".join)))
def test_cgroups_path(path: str) -> None:
    for systemd in (False, True):
        try:
            if systemd:
                systemd_units.parse(path, "x", user=False)
            else:
                found = cgroups._checked(path)
                assert not found or ".." not in found.split("/")
        except PyociError as error:
            assert str(error)


@pytest.mark.parametrize("depth", [100, 1000, 100000])
@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_nesting(depth: int, pair: str) -> None:
    opening = "[" if pair == "[]" else '{"a":'
    text = opening * depth + "1" + pair[1] * depth
    try:
        jsontext.loads(text.encode(), what="fuzz")
    except ConfigError as error:
        assert "nested deeper" in str(error)
