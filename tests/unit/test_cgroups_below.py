"""exec --cgroup: a group below the container's own."""

from __future__ import annotations

from typing import Any

import pytest

from pyoci.cgroups.below import below
from pyoci.errors import CgroupError

V1: dict[str, Any] = {
    "layout": "v1",
    "groups": {"cpu,cpuacct": ["/sys/fs/cgroup/cpu,cpuacct", "/c"], "memory": ["/sys/fs/cgroup/memory", "/c"]},
    "rootless": False,
}
V2: dict[str, Any] = {"layout": "v2", "mount": "/sys/fs/cgroup", "group": "/sys/fs/cgroup/c", "rootless": False}


def test_v2() -> None:
    assert below(V2, ["inner/most"])["group"] == "/sys/fs/cgroup/c/inner/most"
    assert V2["group"] == "/sys/fs/cgroup/c"


def test_root_of_the_container_is_the_container() -> None:
    assert below(V2, ["/"])["group"] == "/sys/fs/cgroup/c"


def test_v1_without_a_controller_changes_all() -> None:
    changed = below(V1, ["inner"])["groups"]
    assert [group for _, group in changed.values()] == ["/c/inner", "/c/inner"]


def test_v1_with_controllers_changes_those() -> None:
    changed = below(V1, ["cpu:inner"])["groups"]
    assert changed["cpu,cpuacct"][1] == "/c/inner"
    assert changed["memory"][1] == "/c"


def test_below_a_scope() -> None:
    saved = {"systemd": {"unit": "u", "slice": "s", "user": False}, "groups": V2}
    assert below(saved, ["inner"])["group"] == "/sys/fs/cgroup/c/inner"


@pytest.mark.parametrize("path", ["..", "a/../..", "memory:../x"])
def test_never_out_of_the_container(path: str) -> None:
    with pytest.raises(CgroupError, match="out of the container"):
        below(V1, [path])


def test_a_controller_that_is_not_there() -> None:
    with pytest.raises(CgroupError, match="no such group"):
        below(V1, ["rdma:x"])


def test_controllers_on_v2() -> None:
    with pytest.raises(CgroupError, match="one hierarchy"):
        below(V2, ["cpu:x"])
