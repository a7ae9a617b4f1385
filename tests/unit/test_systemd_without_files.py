"""Containers that systemd made the groups of are inspected and ended without the modules that talk to systemd."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOOK = """
import json, sys
sys.modules.update(dict.fromkeys(["jeepney", "socket"]))
from pyoci import cgroups
group = cgroups.reopen(json.loads(sys.argv[1]))
assert group.is_frozen() is False
assert group.pids() == []
group.kill(0)
print(group.destroy(cgroups.NOBODY))
"""
UNIT = {"unit": "x.scope", "slice": "a.slice", "user": False}


def saved(layout: str, tmp_path: Path) -> dict[str, object]:
    """Of groups that are gone."""
    from pyoci.cgroups.group import Group
    from pyoci.cgroups.v1 import LegacyCgroup
    from pyoci.cgroups.v2 import UnifiedCgroup

    group = Group(str(tmp_path), "/a.slice/x.scope", 1)
    inner = UnifiedCgroup(group, "x", False) if layout == "v2" else LegacyCgroup({"pids": group}, "x", False)
    return {"systemd": UNIT, **inner.save()}


@pytest.mark.parametrize("layout", ["v1", "v2"])
def test_they_are_gone(layout: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOOK, json.dumps(saved(layout, tmp_path))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "systemd is not asked to stop x.scope: Python's module" in done.stdout
