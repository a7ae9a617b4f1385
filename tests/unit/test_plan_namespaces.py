"""`plan/namespaces.py`: which namespaces are made and joined, and how init comes into being."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.schemas import SCHEMAS

from pyoci.errors import ConfigError
from pyoci.kernel import uapi
from pyoci.plan import namespaces
from pyoci.plan.facts import Facts
from pyoci.wire.plan import BOOTSTRAPPED, CLONED, UNSEEN, VISITED, IdMapping, on_host

ROOT = Facts(uid=0, gid=0, capabilities=(1 << 41) - 1, apparmor=False, selinux=False)
USER = Facts(uid=1000, gid=1001, capabilities=0, apparmor=False, selinux=False)
MAP = [{"containerID": 1, "hostID": 2, "size": 3}, {"containerID": 10, "hostID": 20, "size": 30}]


def linux(*new: str, **joined: str) -> dict[str, Any]:
    entries: list[dict[str, str]] = [{"type": kind} for kind in new]
    entries += [{"type": kind, "path": path} for kind, path in joined.items()]
    return {"namespaces": entries, "uidMappings": MAP, "gidMappings": MAP[:1]}


def test_each_type_of_the_schemas_has_its_flag() -> None:
    types = SCHEMAS["config"]["definitions"]["linux"]["properties"]["namespaces"]["items"]["properties"]["type"]
    features = SCHEMAS["features"]["properties"]["linux"]["properties"]["namespaces"]["items"]
    assert {*types["enum"]} == {*uapi.NAMESPACE_FLAGS}, "schemas/config.json and NAMESPACE_FLAGS of kernel/uapi.py"
    assert {*features["enum"]} == {*uapi.NAMESPACE_FLAGS}, "schemas/features.json and NAMESPACE_FLAGS of kernel/uapi.py"


def test_new_and_joined_in_their_order() -> None:
    planned = namespaces.plan(linux("mount", "uts", ipc="/i", network="/n"), ROOT)
    assert planned.new == ["mount", "uts"]
    assert planned.joined == [("ipc", "/i"), ("network", "/n")]
    assert [planned.has(kind) for kind in ("mount", "ipc", "pid")] == [True, True, False]
    assert [planned.joins(kind) for kind in ("mount", "ipc", "pid")] == [False, True, False]


def test_how_init_is_made_is_part_of_the_plan() -> None:
    assert namespaces.plan(linux("mount"), ROOT).birth == CLONED
    assert namespaces.plan(linux("mount", pid="/p"), ROOT).birth == UNSEEN
    assert namespaces.plan(linux("mount", network="/n"), ROOT).birth == VISITED


def test_an_empty_path_is_none() -> None:
    assert namespaces.plan({"namespaces": [{"type": "ipc", "path": ""}]}, ROOT).new == ["ipc"]


def test_nothing_at_all() -> None:
    planned = namespaces.plan({}, ROOT)
    assert (planned.new, planned.joined, planned.user, planned.time_offsets) == ([], [], None, [])
    assert (planned.birth, planned.clone_flags) == (CLONED, 0)


def test_mappings_of_a_new_user_namespace() -> None:
    planned = namespaces.plan(linux("user"), ROOT)
    assert planned.user is not None
    assert planned.user.uid_mappings == [
        IdMapping(container_id=1, host_id=2, size=3),
        IdMapping(container_id=10, host_id=20, size=30),
    ]
    assert planned.user.gid_mappings == [IdMapping(container_id=1, host_id=2, size=3)]
    assert namespaces.plan(linux("mount"), ROOT).user is None
    assert namespaces.plan(linux(user="/u"), ROOT).user is None


@pytest.mark.parametrize("name", ["uidMappings", "gidMappings"])
def test_without_mappings(name: str) -> None:
    wanted = linux("user")
    del wanted[name]
    with pytest.raises(ConfigError, match=r"needs uidMappings and gidMappings.*to 1000 and 1001"):
        namespaces.plan(wanted, USER)


def test_time_offsets() -> None:
    offsets = {"monotonic": {"secs": 5, "nanosecs": 6}, "boottime": {"nanosecs": 7}, "x": {}}
    planned = namespaces.plan({**linux("time"), "timeOffsets": offsets}, ROOT)
    assert planned.time_offsets == [("monotonic", 5, 6), ("boottime", 0, 7), ("x", 0, 0)]


@pytest.mark.parametrize(
    ("new", "joined", "expected"),
    [
        ([], [], CLONED),
        (["pid", "mount", "user"], [], CLONED),
        (["mount"], ["network"], VISITED),
        (["pid"], ["mount"], VISITED),
        (["mount"], ["user"], BOOTSTRAPPED),
        (["user"], ["network"], BOOTSTRAPPED),
        (["time"], [], BOOTSTRAPPED),
        ([], ["time"], BOOTSTRAPPED),
        ([], ["pid"], UNSEEN),
        (["user", "time"], ["pid"], UNSEEN),
        (["mount"], ["pid", "user", "network"], UNSEEN),
    ],
)
def test_birth(new: list[str], joined: list[str], expected: str) -> None:
    assert namespaces.birth(new, joined) == expected


@pytest.mark.parametrize("kind", sorted(uapi.NAMESPACE_FLAGS.keys() - {"cgroup"}))
def test_clone_flags_of_each(kind: str) -> None:
    assert namespaces.clone_flags([kind]) == uapi.NAMESPACE_FLAGS[kind]
    assert namespaces.clone_flags([kind, "cgroup"]) == uapi.NAMESPACE_FLAGS[kind]


def test_clone_flags_of_several() -> None:
    assert namespaces.clone_flags(["mount", "pid"]) == uapi.CLONE_NEWNS | uapi.CLONE_NEWPID


class TestWithoutRights:
    def test_an_ordinary_user_is_told_what_to_do(self) -> None:
        with pytest.raises(ConfigError, match=r"type mount takes CAP_SYS_ADMIN.*user 1000.*spec --rootless"):
            namespaces.plan(linux("mount"), USER)

    @pytest.mark.parametrize("wanted", [linux("user", "mount"), linux("mount", user="/u"), linux(mount="/m"), {}])
    def test_what_it_may(self, wanted: dict[str, Any]) -> None:
        assert namespaces.plan(wanted, USER).new == [
            entry["type"] for entry in wanted.get("namespaces", ()) if "path" not in entry
        ]

    def test_whoever_has_the_capability_may(self) -> None:
        facts = Facts(uid=1000, gid=0, capabilities=1 << uapi.CAP_SYS_ADMIN, apparmor=False, selinux=False)
        assert namespaces.plan(linux("mount"), facts).new == ["mount"]


def test_without_those_that_are_the_hosts() -> None:
    config = {"hostname": "x", "linux": linux("mount", ipc="/i", uts="/u")}
    left = namespaces.without(config, ["uts"])
    assert [entry["type"] for entry in left["linux"]["namespaces"]] == ["mount", "ipc"]
    assert left["hostname"] == "x"
    assert len(config["linux"]["namespaces"]) == 3  # type: ignore[index]


@pytest.mark.parametrize(("number", "expected"), [(0, None), (1, 2), (3, 4), (4, None), (10, 20), (39, 49), (40, None)])
def test_on_host(number: int, expected: int | None) -> None:
    assert on_host(number, namespaces.mappings(MAP)) == expected
