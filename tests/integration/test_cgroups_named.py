"""crun's annotation run.oci.systemd.force_cgroup_v1: the hierarchy name=systemd of v1, on a host of v2."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import Runtime, until

FORCE = "run.oci.systemd.force_cgroup_v1"
PLACE = Path("/sys/fs/cgroup/systemd")
USER = 100000


@pytest.fixture
def old(bundle: Bundle) -> Bundle:
    bundle.config["annotations"] = {FORCE: "/sys/fs/cgroup"}
    bundle.mount("/sys/fs/cgroup", "cgroup", ["nosuid"], source="cgroup")
    bundle.namespace("cgroup")
    bundle.sleeps()
    return bundle


@pytest.fixture
def hierarchy() -> Iterator[None]:
    """As crun's manual page says: on a directory of the unified hierarchy."""
    cgroup_files.v2_only()
    before = cgroup.of_process(os.getpid())
    was_there = PLACE.exists()
    PLACE.mkdir(exist_ok=True)
    command = ["mount", "-t", "cgroup", "-o", "none,name=systemd,xattr", "cgroup", str(PLACE)]
    if subprocess.run(command, capture_output=True).returncode:
        if not was_there:
            PLACE.rmdir()
        pytest.skip("this kernel has no cgroup v1")
    yield
    subprocess.run(["umount", str(PLACE)], check=True)
    if not was_there:
        PLACE.rmdir()
    # The kernel ends a hierarchy some time after its last mount (cgroup_kill_sb), and until then every process has a
    # group in it, which the next tests would see.
    until(lambda: cgroup.of_process(os.getpid()) == before, "the kernel ends the hierarchy")


def test_it_needs_a_cgroup_mount_at_that_path(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["annotations"] = {FORCE: "/sys/fs/cgroup"}
    assert f"/annotations/{FORCE}: needs a mount of type cgroup at /sys/fs/cgroup" in runtime.refuses(bundle)


def test_without_the_hierarchy_the_error_says_how_to_mount_it(runtime: Runtime, old: Bundle) -> None:
    cgroup_files.v2_only()
    if "name=systemd" in cgroup.hierarchies():
        pytest.skip("the host has it mounted")
    assert "mount -t cgroup -o none,name=systemd" in runtime.refuses(old)
    assert not cgroup_files.place("cgroup", old.cgroups_path).exists()


def test_v1_has_it_in_any_case(runtime: Runtime, old: Bundle) -> None:
    cgroup_files.v1_only()
    container = runtime.start(old)
    assert "name=systemd" in container.mounts()["/sys/fs/cgroup/systemd"].super_options


@pytest.mark.usefixtures("hierarchy")
def test_the_container_has_a_group_of_v1(runtime: Runtime, old: Bundle) -> None:
    old.user_namespace(host_id=USER)
    container = runtime.start(old)
    groups = cgroup.of_process(container.pid)
    assert groups["name=systemd"] == groups[""] == old.cgroups_path
    mounts = container.mounts()
    assert mounts["/sys/fs/cgroup"].kind == "tmpfs"
    assert mounts["/sys/fs/cgroup/systemd"].kind == "cgroup"
    assert mounts["/sys/fs/cgroup/systemd"].root == old.cgroups_path
    script = "cd /sys/fs/cgroup/systemd; mkdir x; echo $$ > x/cgroup.procs; grep systemd /proc/self/cgroup"
    result = container.exec("/bin/sh", "-ec", script)
    assert result.stdout.strip().endswith(":name=systemd:/x"), result
    container.kill("KILL")
    container.wait()
    container.delete()
    assert not (PLACE / old.cgroups_path.lstrip("/")).exists()
    assert not Path("/sys/fs/cgroup", old.cgroups_path.lstrip("/")).exists()


@pytest.mark.usefixtures("hierarchy")
def test_a_create_that_fails_leaves_no_group_of_v1(runtime: Runtime, old: Bundle) -> None:
    old.config["mounts"].append({"destination": "/x", "type": "bind", "source": "/no/such", "options": ["bind"]})
    runtime.refuses(old)
    assert not (PLACE / old.cgroups_path.lstrip("/")).exists()
