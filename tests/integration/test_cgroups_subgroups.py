"""crun's annotations run.oci.systemd.subgroup and run.oci.delegate-cgroup: groups below the container's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime
from helpers.sandbox import MARK

from pyoci.cgroups import subgroups
from pyoci.cgroups.group import Group
from pyoci.errors import CgroupError

SUBGROUP, DELEGATE = "run.oci.systemd.subgroup", "run.oci.delegate-cgroup"
SYSTEMD = ["--systemd-cgroup"]
USER = 100000
needs_systemd = pytest.mark.skipif(not os.path.isdir("/run/systemd/system"), reason="this system is not run by systemd")


def delegating(bundle: Bundle) -> Bundle:
    """Init in the group `payload`, of which the container's user is the owner; limited around it."""
    bundle.config["annotations"] = {DELEGATE: "payload"}
    bundle.user_namespace(host_id=USER)
    bundle.namespace("cgroup")
    bundle.mount("/sys/fs/cgroup", "cgroup", ["nosuid", "nodev", "noexec"], source="cgroup")
    bundle.linux["resources"]["pids"] = {"limit": 50}
    bundle.sleeps()
    return bundle


def inside(container: Container, script: str) -> str:
    result = container.exec("/bin/sh", "-ec", script)
    assert result.status == 0, result.stderr
    return result.stdout.strip()


def test_v1_refuses_to_delegate(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.v1_only()
    words = runtime.refuses(delegating(bundle))
    assert f"annotation {DELEGATE}: needs cgroup v2" in words
    assert not any(place.exists() for place in cgroup_files.every(bundle.cgroups_path))


def test_a_name_that_leads_elsewhere_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["annotations"] = {DELEGATE: "../../x"}
    assert f"annotation {DELEGATE}" in runtime.refuses(bundle)


def test_the_payload_manages_its_group(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.v2_only()
    container = runtime.start(delegating(bundle))
    group = cgroup_files.place("cgroup", bundle.cgroups_path)
    assert cgroup.of_process(container.pid)[""] == f"{bundle.cgroups_path}/payload"
    # the namespace begins above it, and the limits are where the container cannot reach them
    assert inside(container, "grep ^0:: /proc/1/cgroup") == "0::/payload"
    assert (group / "pids.max").read_text() == "50\n"
    for name in ("pids.max", "cgroup.procs", "cgroup.subtree_control", "."):
        assert (group / name).stat().st_uid == 0, name
    assert (group / "payload").stat().st_uid == (group / "payload/cgroup.procs").stat().st_uid == USER
    assert "pids" in (group / "payload/cgroup.controllers").read_text().split()
    # as a systemd does it: all processes into groups below, then controllers for these
    script = (
        "cd /sys/fs/cgroup/payload; mkdir init.scope;"
        # init's own children come and go meanwhile
        " move() { for p in $(cat cgroup.procs); do echo $p > init.scope/cgroup.procs || :; done; };"
        " until move; echo +pids > cgroup.subtree_control; do sleep 0.1; done 2> /dev/null;"
        " mkdir a; echo 10 > a/pids.max; cat a/pids.max"
    )
    assert inside(container, script) == "10"
    # who joins now goes where init is
    assert inside(container, "grep ^0:: /proc/self/cgroup") == "0::/payload/init.scope"
    container.kill("KILL")
    container.wait()
    container.delete()
    assert not group.exists()


def test_all_of_it_is_one_container(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.v2_only()
    container = runtime.start(delegating(bundle))
    assert container.pid in [
        int(word) for word in runtime.expect("ps", "-f", "json", container.id).stdout[1:-2].split(",")
    ]
    runtime.expect("pause", container.id)
    assert container.status == "paused"
    runtime.expect("resume", container.id)
    runtime.expect("update", "--pids-limit", "60", container.id)
    assert (cgroup_files.place("cgroup", bundle.cgroups_path) / "pids.max").read_text() == "60\n"
    container.delete("--force")
    assert not cgroup_files.place("cgroup", bundle.cgroups_path).exists()


@pytest.fixture
def group(scratch: Path) -> Iterator[Group]:
    """A group of cgroup2, which a hybrid v1 has beside it: without controllers, but with all else."""
    mount = cgroup.hierarchies().get("")
    if mount is None:
        pytest.skip("no cgroup2 hierarchy is mounted")
    made = Group(str(mount), f"/{MARK}-{scratch.name}")
    made.make([])
    yield made
    for place in cgroup.named(f"{MARK}-{scratch.name}"):
        cgroup.remove(place)


def test_hand_over(group: Group) -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        Path(group.path, "cgroup.procs").write_text(str(child.pid))
        saved = {"layout": "v2", "groups": {"": group.save()}, "rootless": False}
        after = subgroups.hand_over(saved, "a/b", child.pid, (USER, USER + 1))
        assert after == {**saved, "leaf": "a/b"}
        assert cgroup.of_process(child.pid)[""] == f"{group.name}/a/b"
        facts = Path(group.path, "a/b/cgroup.procs").stat()
        assert (facts.st_uid, facts.st_gid) == (USER, USER + 1)
        assert Path(group.path, "a").stat().st_uid == Path(group.path).stat().st_uid == 0
        assert subgroups.hand_over(after, "c", child.pid, None)["leaf"] == "a/b/c"
        assert Path(group.path, "a/b/c").stat().st_uid == 0
    finally:
        child.kill()
        child.wait()


def test_hand_over_of_a_group_that_is_anothers(group: Group) -> None:
    saved = {"layout": "v2", "groups": {"": [group.mount, group.name, 1, True]}, "rootless": False}
    with pytest.raises(CgroupError, match="replaced by somebody else"):
        subgroups.hand_over(saved, "a", os.getpid(), None)
    assert not Path(group.path, "a").exists()


def test_a_subgroup_without_systemd_is_a_warning(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["annotations"] = {SUBGROUP: "container"}
    bundle.write()
    name = runtime.add(bundle)
    result = runtime.expect("create", "--bundle", str(bundle.path), name)
    assert f"/annotations/{SUBGROUP}: needs --systemd-cgroup" in result.stderr


@pytest.fixture
def unit(bundle: Bundle) -> Iterator[str]:
    name = f"{MARK}-{bundle.path.parent.name}"
    bundle.linux["cgroupsPath"] = f"system.slice:{MARK}:{bundle.path.parent.name}"
    yield f"/system.slice/{name}.scope"
    for command in (["kill", "--signal=KILL"], ["stop"], ["reset-failed"]):
        subprocess.run(["systemctl", *command, f"{name}.scope"], capture_output=True)


@needs_systemd
def test_a_subgroup_of_the_unit(runtime: Runtime, bundle: Bundle, unit: str) -> None:
    bundle.config["annotations"] = {SUBGROUP: "container"}
    bundle.linux["resources"].update({"memory": {"limit": 64 << 20}, "pids": {"limit": 30}})
    bundle.sleeps()
    container = runtime.create(bundle, options=SYSTEMD).start()
    assert set(cgroup.of_process(container.pid).values()) == {f"{unit}/container"}
    assert cgroup_files.read(unit, "pids.max", "pids.max") == "30"
    assert container.exec("/bin/true").status == 0
    runtime.expect("update", "--pids-limit", "40", container.id)
    assert cgroup_files.read(unit, "pids.max", "pids.max") == "40"
    if cgroup.is_v2():
        assert "pids" in cgroup_files.read(f"{unit}/container", "", "cgroup.controllers").split()
    container.kill("KILL")
    container.wait()
    container.delete()
    assert not any(place.exists() for place in cgroup_files.every(unit))


@needs_systemd
def test_a_subgroup_and_in_it_a_delegated_one(runtime: Runtime, bundle: Bundle, unit: str) -> None:
    cgroup_files.v2_only()
    delegating(bundle)
    bundle.config["annotations"][SUBGROUP] = "container"
    container = runtime.create(bundle, options=SYSTEMD).start()
    assert cgroup.of_process(container.pid)[""] == f"{unit}/container/payload"
    assert inside(container, "grep ^0:: /proc/1/cgroup") == "0::/payload"
    assert inside(container, "mkdir /sys/fs/cgroup/payload/x && echo made") == "made"
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    assert cgroup_files.read(unit, "pids.max", "pids.max") == "50"
    container.delete("--force")
    assert not any(place.exists() for place in cgroup_files.every(unit))
