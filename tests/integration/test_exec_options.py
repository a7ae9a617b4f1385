"""`exec`: options that change one property of the process each, seen by the kernel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Container, Runtime


@pytest.fixture
def container(runtime: Runtime, bundle: Bundle) -> Container:
    bundle.sleeps()
    bundle.process["noNewPrivileges"] = False
    return runtime.start(bundle)


def status(runtime: Runtime, container: Container, *options: str) -> dict[str, str]:
    lines = runtime.expect("exec", *options, container.id, "cat", "/proc/self/status").stdout.splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_no_new_privs(runtime: Runtime, container: Container) -> None:
    assert status(runtime, container)["NoNewPrivs"] == "0"
    assert status(runtime, container, "--no-new-privs")["NoNewPrivs"] == "1"


def test_no_new_privs_is_taken_back_by_name_only(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    bundle.process["noNewPrivileges"] = True
    container = runtime.start(bundle)
    assert status(runtime, container)["NoNewPrivs"] == "1"
    assert status(runtime, container, "--no-new-privs=false")["NoNewPrivs"] == "0"


def test_additional_gids(runtime: Runtime, container: Container) -> None:
    groups = status(runtime, container, "--additional-gids", "7", "--additional-gids", "9")["Groups"].split()
    assert {"7", "9"} <= set(groups)


def test_a_paused_container_refuses(runtime: Runtime, container: Container) -> None:
    runtime.expect("pause", container.id)
    try:
        assert "--ignore-paused" in runtime.fails("exec", container.id, "/bin/true")
    finally:
        runtime.expect("resume", container.id)


def test_ignore_paused(runtime: Runtime, container: Container) -> None:
    """The process waits in the frozen cgroup until somebody resumes it."""
    marker = container.path("/marker")
    runtime.expect("pause", container.id)
    waiting = subprocess.Popen(runtime.arguments("exec", "--ignore-paused", container.id, "touch", "/marker"))
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
        assert not marker.exists()
    finally:
        runtime.expect("resume", container.id)
        status = waiting.wait(TIME_LIMIT)
    assert status == 0
    assert marker.exists()


@pytest.mark.parametrize(("option", "switch"), [("--apparmor", "apparmor"), ("--process-label", "selinux")])
def test_a_label_of_a_module_that_is_not_there_is_an_error(
    runtime: Runtime, container: Container, option: str, switch: str
) -> None:
    if Path("/sys/module/apparmor" if switch == "apparmor" else "/sys/fs/selinux/enforce").exists():
        pytest.skip(f"{switch} is in this kernel")
    assert switch in runtime.fails("exec", option, "label", container.id, "/bin/true").lower()


@pytest.mark.beyond_runc("Debian's runc asks for a cgroup2 mount at another place")
def test_cgroup(runtime: Runtime, container: Container) -> None:
    """The process enters a group below the container's, which must be there; none outside."""
    made = [place / "below" for place in cgroup_files.every(container.bundle.cgroups_path)]
    for place in made:
        place.mkdir()
    own = container.bundle.cgroups_path
    empty = [place for place in made if (place / "cpuset.cpus").exists() and not cgroup.is_v2()]
    if empty:
        assert f"{empty[0]}: no space left" in runtime.fails("exec", "--cgroup", "below", container.id, "true")
    for place in empty:
        for name in ("cpuset.cpus", "cpuset.mems"):
            (place / name).write_text((place.parent / name).read_text())
    for asked, entered in (("below", f"{own}/below"), ("/below", f"{own}/below"), ("/", own)):
        seen = runtime.expect("exec", "--cgroup", asked, container.id, "cat", "/proc/self/cgroup").stdout
        groups = {line.split(":", 2)[2] for line in seen.splitlines()}
        assert entered in groups, (asked, groups)
        assert not groups - {entered, "/"}, (asked, groups)
    assert "--cgroup" in runtime.fails("exec", "--cgroup", "../x", container.id, "true")
    assert "nowhere" in runtime.fails("exec", "--cgroup=nowhere", container.id, "true")
