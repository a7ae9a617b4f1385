"""A group that was replaced by another of its name: what the kernel counts there is another container's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyoci.cgroups import oom
from pyoci.cgroups.group import Group
from pyoci.cgroups.v1 import LegacyCgroup
from pyoci.cgroups.v2 import UnifiedCgroup

FILES = {
    "memory.events": "low 0\noom 3\noom_kill 3\n",
    "memory.oom_control": "oom_kill_disable 1\nunder_oom 1\noom_kill 3\n",
    "cgroup.events": "populated 1\nfrozen 1\n",
    "freezer.state": "FROZEN\n",
}


@pytest.fixture(params=["v1", "v2"])
def cgroup(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    for name in ("WatchV1", "WatchV2"):
        monkeypatch.setattr(oom, name, lambda path: path)
    group = Group(str(tmp_path.parent), f"/{tmp_path.name}", tmp_path.stat().st_ino)
    if request.param == "v2":
        return UnifiedCgroup(group, "", False)
    return LegacyCgroup({"memory": group, "freezer": group}, "", False)


def test_its_own_group_is_looked_at(cgroup: Any) -> None:
    assert cgroup.oom_kills() == 3
    assert cgroup.oom_watch() is not None
    assert cgroup.why_stuck() != ""
    assert cgroup.is_frozen()


def test_a_group_that_took_its_place_is_not(cgroup: Any) -> None:
    for group in [cgroup.group] if isinstance(cgroup, UnifiedCgroup) else cgroup.groups.values():
        group.inode += 1
    assert cgroup.oom_kills() == 0
    assert cgroup.oom_watch() is None
    assert cgroup.why_stuck() == ""
    assert not cgroup.is_frozen()
