"""`plan/delegation.py` (who owns the cgroup) and `plan/readiness.py` (where READY=1 is sent to)."""

from __future__ import annotations

from typing import Any

import pytest

from pyoci.kernel import uapi
from pyoci.plan import delegation, readiness
from pyoci.plan.facts import Facts
from pyoci.plan.process import plan as plan_process
from pyoci.plan.request import Request
from pyoci.wire.plan import IdMapping, Mount, Namespaces, Process, UserNamespace

FACTS = Facts(uid=0, gid=0, capabilities=0, apparmor=False, selinux=False)
USER = UserNamespace(
    uid_mappings=[IdMapping(container_id=0, host_id=1000, size=10)],
    gid_mappings=[IdMapping(container_id=0, host_id=2000, size=10)],
)
CGROUP = Mount(kind="cgroup", source="cgroup", destination="/sys/fs/cgroup")
READ_ONLY = Mount(kind="cgroup", source="cgroup", destination="/sys/fs/cgroup", attributes_set=uapi.MOUNT_ATTR_RDONLY)


def process(uid: int = 3, gid: int = 4) -> Process:
    config = {"args": ["x"], "cwd": "/", "user": {"uid": uid, "gid": gid}}
    made = plan_process(config, {}, Request(container_id="x", bundle="/"), FACTS, False, [])
    assert made is not None
    return made


def owner(namespaces: dict[str, Any], mounts: list[Mount], wanted: Process | None) -> tuple[int, int] | None:
    return delegation.owner(Namespaces(**{"new": [], "joined": [], "time_offsets": [], **namespaces}), mounts, wanted)


@pytest.mark.parametrize(
    ("namespaces", "mounts", "expected"),
    [
        ({"new": ["cgroup"]}, [CGROUP], (3, 4)),
        ({"new": ["cgroup", "user"], "user": USER}, [CGROUP], (1003, 2004)),
        ({"new": []}, [CGROUP], None),
        ({"joined": [("cgroup", "/c")]}, [CGROUP], None),
        ({"new": ["cgroup"], "joined": [("user", "/u")]}, [CGROUP], None),
        ({"new": ["cgroup"]}, [READ_ONLY], None),
        ({"new": ["cgroup"]}, [], None),
        ({"new": ["cgroup"]}, [Mount(kind="bind", source="cgroup", destination="/elsewhere")], None),
        ({"new": ["cgroup"]}, [Mount(kind="bind", source="/x", destination="/sys/fs/cgroup")], None),
    ],
)
def test_owner(namespaces: dict[str, Any], mounts: list[Mount], expected: tuple[int, int] | None) -> None:
    assert owner(namespaces, mounts, process()) == expected


def test_no_process_no_owner() -> None:
    assert owner({"new": ["cgroup"]}, [CGROUP], None) is None


@pytest.mark.parametrize(("uid", "gid"), [(10, 0), (0, 10)])
def test_a_user_that_is_not_mapped(uid: int, gid: int) -> None:
    assert owner({"new": ["cgroup", "user"], "user": USER}, [CGROUP], process(uid, gid)) is None


class TestReadiness:
    def test_the_folder_is_the_last_mount(self) -> None:
        config = {"mounts": [{"destination": "/a"}], "process": {"env": ["A=1"]}}
        made = readiness.announce(config, "/host")
        assert made["mounts"][0] == {"destination": "/a"}
        assert made["mounts"][1] == {
            "destination": "/run/notify",
            "source": "/host",
            "options": ["bind", "ro", "nosuid", "nodev", "noexec"],
        }
        assert made["process"]["env"] == ["A=1", "NOTIFY_SOCKET=/run/notify/notify.sock"]
        assert config == {"mounts": [{"destination": "/a"}], "process": {"env": ["A=1"]}}

    def test_it_takes_the_place_of_the_configs_variable(self) -> None:
        made = readiness.announce({"process": {"env": ["NOTIFY_SOCKET=/x", "NOTIFY_SOCKETS=1"]}}, "/host")
        assert made["process"]["env"] == ["NOTIFY_SOCKETS=1", "NOTIFY_SOCKET=/run/notify/notify.sock"]

    def test_without_a_process(self) -> None:
        assert "process" not in readiness.announce({}, "/host")
