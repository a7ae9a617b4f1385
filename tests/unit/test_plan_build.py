"""`plan/build.py`: the default template's plan, whole and written down, and what is refused before anything is planned.

The files beside this one are the plans as they were last read: `PYOCI_UPDATE=1` writes them again, and the difference
is to be read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import golden

from pyoci.errors import ConfigError, UnsupportedError
from pyoci.plan import hook_output, lsm
from pyoci.plan.build import build
from pyoci.plan.facts import Facts
from pyoci.plan.process import KEEP_GROUPS
from pyoci.plan.request import Request
from pyoci.record import to_builtins
from pyoci.spec import template
from pyoci.wire.plan import Plan

FACTS = Facts(uid=0, gid=0, capabilities=(1 << 41) - 1, apparmor=True, selinux=True)
HERE = Path(__file__).parent


def request(**words: Any) -> Request:
    return Request(container_id="id", bundle="/bundle", **words)


def config() -> dict[str, Any]:
    made: dict[str, Any] = template.default("1.2.0")
    return made


def as_json(value: object) -> Any:
    """What of a record JSON can hold: bytes in hexadecimal, tuples as lists; without what says nothing."""
    return said(json.loads(json.dumps(to_builtins(value), default=lambda data: data.hex(), sort_keys=True)))


def said(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: said(member) for name, member in value.items() if member is not None}
    return [said(member) for member in value] if isinstance(value, list) else value


def assert_golden(plan: Plan, name: str) -> None:
    golden.assert_golden(json.dumps(as_json(plan), indent=1, sort_keys=True) + "\n", HERE / name)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    ("path", "name"),
    [("", ""), ("a.log", "a.log"), ("/bundle/a.log", "a.log"), ("/other/a.log", None), ("/bundlea.log", None),
     ("a/b.log", None), ("/bundle/a/b.log", None), ("a.txt", None), (".log", None), (".a.log", None),
     ("../a.log", None)],
)  # fmt: skip
def test_the_file_that_hooks_write_to_is_one_of_the_bundles_folder(stream: str, path: str, name: str | None) -> None:
    key = f"run.oci.hooks.{stream}"
    if name is not None:
        build({**config(), "annotations": {key: path}}, request(), FACTS)
        assert hook_output.names({key: path}, "/bundle") == ([name, ""] if stream == "stdout" else ["", name])
    else:
        with pytest.raises(
            UnsupportedError, match=rf"^/annotations/{key}: must be a file NAME\.log in the bundle's folder"
        ):
            build({**config(), "annotations": {key: path}}, request(), FACTS)


def test_the_templates_plan() -> None:
    assert_golden(build(config(), request(), FACTS), "plan_of_the_template.json")


def test_the_plan_of_everything() -> None:
    """Each section reaches the function that plans it, with what that one needs of the others and of the host."""
    given = config()
    given["process"] |= {"scheduler": {"policy": "SCHED_FIFO", "priority": 3}, "oomScoreAdj": 5, "apparmorProfile": "p"}
    given["annotations"] = {KEEP_GROUPS: "1", lsm.CONTEXT_TYPE: "fscontext"}
    given["mounts"] += [
        {"destination": "/data", "type": "none", "source": "volume", "options": ["bind", "ro"]},
        {"destination": "/new", "type": "tmpfs", "source": "tmpfs"},
    ]
    given["linux"] |= {
        "namespaces": [*given["linux"]["namespaces"], {"type": "user"}],
        "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
        "gidMappings": [{"containerID": 0, "hostID": 2000, "size": 10}],
        "devices": [{"path": "/dev/x", "type": "c", "major": 10, "minor": 229}],
        "mountLabel": "a_u:b_r:c_t:s0",
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1"},
        "intelRdt": {"l3CacheSchema": "L3:0=f"},
        "resources": {"pids": {"limit": 3}},
        "cgroupsPath": "/group",
    }
    facts = Facts(uid=1000, gid=2000, capabilities=0, apparmor=True, selinux=True, listen_fds=2)
    assert_golden(build(given, request(no_pivot=True), facts), "plan_of_everything.json")


def test_the_same_config_gives_the_same_plan() -> None:
    assert build(config(), request(), FACTS) == build(config(), request(), FACTS)


def test_the_config_stays_as_it_is() -> None:
    given = config()
    build(given, request(readiness_folder="/run/x", no_pivot=True), FACTS)
    assert given == config()


@pytest.mark.parametrize("section", ["solaris", "windows", "vm", "zos", "freebsd"])
def test_another_platform(section: str) -> None:
    with pytest.raises(UnsupportedError, match=f"/{section}: "):
        build({**config(), section: {}}, request(), FACTS)


@pytest.mark.parametrize("root", [None, {}])
def test_no_root(root: Any) -> None:
    with pytest.raises(ConfigError, match=r"^/root: missing, a root file system is required on Linux$"):
        build({**config(), "root": root}, request(), FACTS)


SECTIONS: list[tuple[dict[str, Any], dict[str, Any], str, object]] = [
    ({"hostname": "h"}, {}, "hostname", "h"),
    ({"domainname": "d"}, {}, "domainname", "d"),
    ({"annotations": {"a": "b"}}, {}, "annotations", {"a": "b"}),
    ({"process": None}, {}, "process", None),
    ({"hooks": {"poststop": [{"path": "/x"}], "prestart": []}}, {}, "hooks", {"poststop": [{"path": "/x"}]}),
    ({}, {"maskedPaths": ["/a", "b/", "/a"]}, "masked_paths", ["/a", "/b"]),
    ({}, {"readonlyPaths": ["/a"]}, "readonly_paths", ["/a"]),
    ({}, {"sysctl": {"net.a.b/c": "1"}}, "sysctl", [("net/a/b.c", "1")]),
    ({}, {"mountLabel": "l"}, "mount_label", "l"),
    ({}, {"personality": {"domain": "LINUX32"}}, "personality", 8),
    ({}, {"netDevices": {"a": {"name": "b"}, "c": {}}}, "net_devices", {"a": "b", "c": "c"}),
    ({}, {"cgroupsPath": "/x"}, "cgroups_path", "/x"),
    ({}, {"resources": {"pids": {"limit": 0}}}, "resources", {"pids": {"limit": 0}}),
    (
        {"annotations": {"io.container.manager": "libpod"}},
        {"resources": {"pids": {"limit": 0}}},
        "resources",
        {"pids": {"limit": -1}},
    ),
]


@pytest.mark.parametrize(("top", "linux", "field", "expected"), SECTIONS, ids=[row[2] for row in SECTIONS])
def test_section(top: dict[str, Any], linux: dict[str, Any], field: str, expected: object) -> None:
    given = {**config(), **top}
    given["linux"] = {**given["linux"], **linux}
    assert getattr(build(given, request(), FACTS), field) == expected


def test_every_field_of_the_plan_has_a_test() -> None:
    """Here, or with the file of plan/ that makes it."""
    made_elsewhere = {
        *("container_id", "bundle", "oci_version", "readiness", "warnings"),  # below and in the golden plan
        *("namespaces", "rootfs", "mounts", "devices"),
        *("memory_policy", "intel_rdt"),
    }
    assert {*Plan.__annotations__} == {row[2] for row in SECTIONS} | made_elsewhere


@pytest.mark.parametrize(("uid", "how"), [(0, "outside"), (1000, "bind")])
def test_who_makes_the_devices_of_a_user_namespace(uid: int, how: str) -> None:
    given = config()
    given["linux"] |= {
        "namespaces": [*given["linux"]["namespaces"], {"type": "user"}],
        "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
        "gidMappings": [{"containerID": 0, "hostID": 2000, "size": 10}],
        "devices": [{"path": "/dev/x", "type": "c", "major": 10, "minor": 229}],
    }
    facts = Facts(uid=uid, gid=uid, capabilities=(1 << 41) - 1, apparmor=True, selinux=True)
    (device,) = (device for device in build(given, request(), facts).devices if device.path == "/dev/x")
    assert device.how == how


def test_readiness_needs_a_mount_namespace() -> None:
    assert build(config(), request(readiness_folder="/run/x"), FACTS).readiness
    assert not build(config(), request(), FACTS).readiness
    given = config()
    given["linux"] = {"namespaces": [{"type": "pid"}]}
    assert not build(given, request(readiness_folder="/run/x"), FACTS).readiness


def test_warnings_of_a_section_are_the_plans() -> None:
    given = config()
    given["process"]["capabilities"]["bounding"] = ["CAP_NO"]
    assert build(given, request(), FACTS).warnings == [
        "/process/capabilities/bounding: ignoring unknown capability 'CAP_NO'"
    ]
