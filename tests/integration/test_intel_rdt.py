"""linux.intelRdt where there is no resctrl: refused by name. tests/unit/test_intel_rdt.py has the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import Runtime


@pytest.mark.parametrize("given", [{}, {"closID": "/"}, {"l3CacheSchema": "L3:0=f"}, {"enableMonitoring": True}])
@pytest.mark.beyond_runc("runc leaves an empty intelRdt alone")
def test_a_machine_without_it(runtime: Runtime, bundle: Bundle, given: dict[str, object]) -> None:
    if " - resctrl " in Path("/proc/self/mountinfo").read_text():
        pytest.skip("this machine has resctrl mounted")
    bundle.linux["intelRdt"] = given
    assert "/linux/intelRdt: no resctrl file system is mounted" in runtime.refuses(bundle)
    assert not cgroup_files.every(bundle.cgroups_path)


@pytest.mark.parametrize("option", ["--l3-cache-schema=L3:0=f", "--mem-bw-schema=MB:0=10"])
@pytest.mark.beyond_runc("runc makes a group then")
def test_update_of_a_container_that_has_no_group(runtime: Runtime, bundle: Bundle, option: str) -> None:
    container = runtime.create(bundle)
    assert "it was made without /linux/intelRdt" in runtime.fails("update", option, container.id)
