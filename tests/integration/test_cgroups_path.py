"""config-linux.md, Cgroups Path; and the limits that the lifecycle needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import cgroup
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime, reap, until
from helpers.sandbox import MARK


def value(bundle: Bundle, controller: str, v1: str, v2: str) -> str:
    folder = cgroup.folder(controller, bundle.cgroups_path)
    return (folder / (v2 if cgroup.is_v2() else v1)).read_text().strip()


def paths(container: Container) -> set[str]:
    """The path in every hierarchy; a v1 machine's unified one may be left alone."""
    return {path for controller, path in cgroup.of_process(container.pid).items() if controller or cgroup.is_v2()}


def test_an_absolute_path_is_one_below_the_mount_point(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    assert paths(container) == {bundle.cgroups_path}
    assert cgroup.folder("pids", bundle.cgroups_path).is_dir()


def test_a_relative_path_leads_to_the_same_place_each_time(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
    found = []
    for bundle in (new_bundle(), new_bundle()):
        bundle.linux["cgroupsPath"] = f"{MARK}/relative"
        container = runtime.create(bundle)
        found.append(cgroup.of_process(container.pid))
        container.delete("--force")
    assert found[0] == found[1]
    assert all(path.endswith(f"{MARK}/relative") for path in found[0].values() if path != "/")


def test_without_a_path_each_container_has_its_own(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
    found = []
    for bundle in (new_bundle(), new_bundle()):
        del bundle.linux["cgroupsPath"]
        found.append(cgroup.of_process(runtime.create(bundle).pid)["" if cgroup.is_v2() else "memory"])
    assert found[0] != found[1]
    assert MARK in found[0]


def test_the_container_is_in_it_before_anything_of_it_runs(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("createContainer", f"cat /proc/self/cgroup > {bundle.path}/log")
    runtime.create(bundle)
    rows = (bundle.path / "log").read_text().split()
    assert any(row.endswith(bundle.cgroups_path) for row in rows)


def test_a_cgroup_namespace_starts_there(runtime: Runtime, bundle: Bundle) -> None:
    bundle.namespace("cgroup")
    rows = [row.split(":") for row in runtime.sh(bundle, "cat /proc/self/cgroup").splitlines()]
    assert {path for _, controllers, path in rows if controllers or cgroup.is_v2()} == {"/"}


def test_delete_removes_it_and_leaves_its_parent(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    folder = cgroup.folder("pids", bundle.cgroups_path)
    other = folder.parent / "other"
    other.mkdir()
    container.delete("--force")
    assert not folder.exists()
    assert other.exists()
    other.rmdir()


def test_delete_removes_groups_that_the_container_made(runtime: Runtime, bundle: Bundle) -> None:
    bundle.namespace("cgroup")
    bundle.mount("/sys/fs/cgroup", "cgroup", ["rw"])
    place = "/sys/fs/cgroup" if cgroup.is_v2() else "/sys/fs/cgroup/memory"
    bundle.sh(f"mkdir -p {place}/a/b; echo ready; sleep 60")
    container = runtime.start(bundle)
    until(lambda: "ready" in container.stdout)
    container.delete("--force")
    assert not cgroup.folder("memory", bundle.cgroups_path).exists()


def test_kill_all_reaches_every_process_without_a_pid_namespace(runtime: Runtime, bundle: Bundle) -> None:
    bundle.no_namespace("pid")
    bundle.sh("sleep 60 & sleep 60 & echo ready; wait")
    container = runtime.start(bundle)
    until(lambda: "ready" in container.stdout)
    procs = cgroup.folder("pids", bundle.cgroups_path) / "cgroup.procs"
    assert len(procs.read_text().split()) == 3
    container.kill("--all", "KILL")
    container.wait()

    def all_dead() -> bool:
        reap()
        return not procs.read_text()

    until(all_dead, "all are dead")


def test_delete_force_kills_every_process_without_a_pid_namespace(runtime: Runtime, bundle: Bundle) -> None:
    bundle.no_namespace("pid")
    bundle.sh("sleep 60 & sleep 60 & echo ready; wait")
    container = runtime.start(bundle)
    until(lambda: "ready" in container.stdout)
    container.delete("--force")


@pytest.mark.beyond_runc("runc 1.1 only warns")
def test_a_group_with_processes_is_refused(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
    first, second = new_bundle(), new_bundle()
    runtime.create(first)
    second.linux["cgroupsPath"] = first.cgroups_path
    runtime.refuses(second)


@pytest.mark.parametrize("path", ["/../../../escaped", "../../escaped", f"/{MARK}/../../escaped"])
def test_dots_do_not_leave_the_hierarchy(runtime: Runtime, bundle: Bundle, path: str) -> None:
    bundle.linux["cgroupsPath"] = path.replace("escaped", f"{MARK}-escaped")
    runtime.run(bundle)
    places = {Path("/sys/fs", f"{MARK}-escaped"), Path("/sys/fs/cgroup", f"{MARK}-escaped")}
    assert not any(place.exists() for place in places - {cgroup.folder("pids", f"{MARK}-escaped")})


class TestLimits:
    def test_pids(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"]["pids"] = {"limit": 7}
        bundle.sh("for n in 1 2 3 4 5 6 7 8 9; do sleep 1 & done")
        result = runtime.run(bundle)
        assert "fork" in result.stderr

    def test_pids_value(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"]["pids"] = {"limit": 77}
        runtime.create(bundle)
        assert value(bundle, "pids", "pids.max", "pids.max") == "77"

    def test_memory(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"]["memory"] = {"limit": 32 << 20}
        runtime.create(bundle)
        assert value(bundle, "memory", "memory.limit_in_bytes", "memory.max") == str(32 << 20)

    def test_memory_is_felt(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"]["memory"] = {"limit": 16 << 20, "swap": 16 << 20}
        bundle.process["args"] = ["/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"]
        assert runtime.run(bundle).status == 137

    def test_cpu(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"]["cpu"] = {"quota": 20000, "period": 50000}
        runtime.create(bundle)
        if cgroup.is_v2():
            assert value(bundle, "cpu", "", "cpu.max") == "20000 50000"
        else:
            assert value(bundle, "cpu", "cpu.cfs_quota_us", "") == "20000"
            assert value(bundle, "cpu", "cpu.cfs_period_us", "") == "50000"

    @pytest.mark.skipif("cgroup.is_v2()", reason="a weight of version 1")
    def test_cpu_shares(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"]["cpu"] = {"shares": 512}
        runtime.create(bundle)
        assert value(bundle, "cpu", "cpu.shares", "") == "512"

    def test_devices(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"]["devices"] = [
            {"allow": False, "access": "rwm"},
            {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"},
        ]
        bundle.process["capabilities"]["effective"].append("CAP_MKNOD")
        bundle.linux["devices"] = [
            {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666},
            {"path": "/dev/other", "type": "c", "major": 10, "minor": 237, "fileMode": 0o666},
        ]
        script = "for try in '< /dev/fuse' '> /dev/fuse' '< /dev/other'; do sh -c \": $try\" 2>&1 || true; done"
        words = runtime.sh(bundle, script)
        denied = [line for line in words.splitlines() if "Operation not permitted" in line]
        assert len(denied) == 2

    def test_default_devices_stay_allowed(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"]["devices"] = [{"allow": False, "access": "rwm"}]
        runtime.sh(bundle, "echo > /dev/null; head -c1 /dev/zero; head -c1 /dev/urandom > /dev/null")

    def test_a_limit_that_the_kernel_refuses(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"]["cpu"] = {"quota": 1, "period": 1}
        runtime.refuses(bundle)
