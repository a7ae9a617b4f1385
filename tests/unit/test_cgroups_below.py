"""exec --cgroup: a group below the container's own."""

from __future__ import annotations

from typing import Any

import pytest

from pyoci.cgroups.below import below
from pyoci.errors import CgroupError

V1: dict[str, Any] = {
    "layout": "v1",
    "groups": {
        "cpu,cpuacct": ["/sys/fs/cgroup/cpu,cpuacct", "/c", 7, True],
        "memory": ["/sys/fs/cgroup/memory", "/c", 8, True],
    },
    "rootless": False,
}
V2: dict[str, Any] = {"layout": "v2", "groups": {"": ["/sys/fs/cgroup", "/c", 7, True]}, "rootless": False}


def test_v2() -> None:
    assert below(V2, ["inner/most"]) == {**V2, "leaf": "inner/most"}
    assert "leaf" not in V2


def test_root_of_the_container_is_the_container() -> None:
    assert below(V2, ["/"]) == {**V2, "leaf": ""}


def test_v1_without_a_controller_changes_all() -> None:
    assert below(V1, ["inner"])["leaves"] == {"cpu,cpuacct": "inner", "memory": "inner"}


def test_v1_with_controllers_changes_those() -> None:
    assert below(V1, ["cpu:/inner/"]) == {**V1, "leaves": {"cpu,cpuacct": "inner"}}


def test_several_add_up() -> None:
    assert below(V1, ["cpu:a", "memory:b/./c"])["leaves"] == {"cpu,cpuacct": "a", "memory": "b/c"}


def test_below_a_scope() -> None:
    saved = {"systemd": {"unit": "u", "slice": "s", "user": False}, **V2}
    assert below(saved, ["inner"]) == {**V2, "leaf": "inner"}


def test_without_a_cgroup() -> None:
    with pytest.raises(CgroupError, match=r"--cgroup x: it was made without a cgroup; make it again"):
        below({}, ["x"])


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
