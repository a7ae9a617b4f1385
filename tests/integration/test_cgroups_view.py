"""What the container sees of its groups: mounts of type cgroup, the cgroup namespace, ownership."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import Mount, Runtime

FLAGS = ["nosuid", "noexec", "nodev", "relatime"]


def with_cgroups(bundle: Bundle, *options: str, namespace: bool = True) -> Bundle:
    bundle.mount("/sys/fs/cgroup", "cgroup", [*FLAGS, *options], source="cgroup")
    if namespace:
        bundle.namespace("cgroup")
    return bundle


def test_its_own_group_is_the_root_of_the_namespace(runtime: Runtime, bundle: Bundle) -> None:
    lines = runtime.sh(with_cgroups(bundle, "ro"), "cat /proc/self/cgroup").splitlines()
    assert {line.split(":", 2)[2] for line in lines} == {"/"}


def test_without_a_namespace_it_sees_the_path(runtime: Runtime, bundle: Bundle) -> None:
    lines = runtime.sh(with_cgroups(bundle, "ro", namespace=False), "cat /proc/self/cgroup").splitlines()
    assert {line.split(":", 2)[2] for line in lines} == {bundle.cgroups_path}


@pytest.mark.parametrize("namespace", [True, False])
def test_the_mount_shows_the_containers_own_group(runtime: Runtime, bundle: Bundle, namespace: bool) -> None:
    bundle.linux["resources"]["pids"] = {"limit": 23}
    folder = "/sys/fs/cgroup" if cgroup.is_v2() else "/sys/fs/cgroup/pids"
    container = runtime.create(with_cgroups(bundle, "ro", namespace=namespace))
    assert container.path(f"{folder}/pids.max").read_text().strip() == "23"


@pytest.mark.parametrize("namespace", [True, False])
@pytest.mark.parametrize("options, writable", [(["ro"], False), ([], True)])
def test_read_only_or_writable(
    runtime: Runtime, bundle: Bundle, options: list[str], writable: bool, namespace: bool
) -> None:
    folder = "/sys/fs/cgroup" if cgroup.is_v2() else "/sys/fs/cgroup/pids"
    script = f"mkdir {folder}/inner 2>/dev/null && rmdir {folder}/inner && echo made || echo refused"
    said = runtime.sh(with_cgroups(bundle, *options, namespace=namespace), script)
    assert said == ("made" if writable else "refused")


def test_the_flags_of_the_mount_are_kept(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(with_cgroups(bundle, "ro"))
    mounts = [mount for point, mount in container.mounts().items() if point.startswith("/sys/fs/cgroup")]
    assert mounts
    for mount in mounts:
        assert {"ro", "nosuid", "nodev", "noexec"} <= mount.options, mount.point


def test_every_hierarchy_is_there(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.v1_only()
    listed = runtime.sh(with_cgroups(bundle, "ro"), "ls /sys/fs/cgroup").split()
    mounted = {Path(place).name for name, place in cgroup.hierarchies().items() if name}
    assert mounted <= set(listed)
    combined = [name for names in mounted for name in names.split(",") if "," in names]
    assert set(combined) <= set(listed)  # `cpu` is a link to `cpu,cpuacct`


def owners(group: Path) -> dict[str, int]:
    return {item.name: item.stat().st_uid for item in group.iterdir()} | {".": group.stat().st_uid}


def test_a_writable_mount_in_a_namespace_gives_the_group_to_the_containers_user(
    runtime: Runtime, bundle: Bundle
) -> None:
    cgroup_files.v2_only()
    bundle.user_namespace(host_id=100000)
    runtime.create(with_cgroups(bundle))
    group = cgroup_files.place("cgroup", bundle.cgroups_path)
    given = {name for name, uid in owners(group).items() if uid == 100000}
    listed = Path("/sys/kernel/cgroup/delegate").read_text().split()
    assert given == {".", *(name for name in listed if (group / name).exists())}


@pytest.mark.parametrize("options, namespace", [(["ro"], True), ([], False)])
def test_otherwise_it_stays_the_runtimes(runtime: Runtime, bundle: Bundle, options: list[str], namespace: bool) -> None:
    bundle.user_namespace(host_id=100000)
    runtime.create(with_cgroups(bundle, *options, namespace=namespace))
    groups = cgroup_files.every(bundle.cgroups_path)
    assert {uid for group in groups for uid in owners(group).values()} == {os.geteuid()}


def test_v1_is_never_given_away(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.v1_only()
    bundle.user_namespace(host_id=100000)
    runtime.create(with_cgroups(bundle))
    for name, mount in cgroup.hierarchies().items():
        if name:
            assert set(owners(mount / bundle.cgroups_path.lstrip("/")).values()) == {0}


def cgroup_mounts(runtime: Runtime, bundle: Bundle) -> list[Mount]:
    found = [mount for point, mount in runtime.create(bundle).mounts().items() if point.startswith("/sys/fs/cgroup")]
    assert found
    return found


@pytest.mark.beyond_runc("runc 1.1 applies recursive options to bind mounts only")
@pytest.mark.parametrize("namespace", [True, False])
@pytest.mark.parametrize("option, shown", [("rro", "ro"), ("rnoatime", "noatime"), ("rnosymfollow", "nosymfollow")])
def test_recursive_options_reach_every_hierarchy(
    runtime: Runtime, bundle: Bundle, option: str, shown: str, namespace: bool
) -> None:
    for mount in cgroup_mounts(runtime, with_cgroups(bundle, option, namespace=namespace)):
        assert shown in mount.options, mount.point


@pytest.mark.beyond_runc("runc 1.1 applies recursive options to bind mounts only")
def test_recursively_read_only_is_felt(runtime: Runtime, bundle: Bundle) -> None:
    folder = "/sys/fs/cgroup" if cgroup.is_v2() else "/sys/fs/cgroup/pids"
    script = f"mkdir {folder}/inner 2>&1 || true; echo 9 > {folder}/pids.max || true"
    assert runtime.sh(with_cgroups(bundle, "rro"), f"({script}) 2>&1").count("Read-only") == 2


@pytest.mark.beyond_runc("runc 1.1 ignores the propagation of a cgroup mount")
@pytest.mark.parametrize("namespace", [True, False])
@pytest.mark.parametrize(
    "option, expected, recursive",
    [
        ("rshared", "shared", True),
        ("runbindable", "unbindable", True),
        ("unbindable", "unbindable", False),
        ("shared", "shared", False),
    ],
)
def test_propagation_of_the_mount(
    runtime: Runtime, bundle: Bundle, option: str, expected: str, recursive: bool, namespace: bool
) -> None:
    mounts = cgroup_mounts(runtime, with_cgroups(bundle, option, namespace=namespace))
    for mount in mounts:
        if recursive or mount.point == "/sys/fs/cgroup":
            assert expected in mount.propagation, mount.point


@pytest.mark.beyond_runc("runc 1.1 ignores them")
@pytest.mark.parametrize("option", ["size=5m", "frobnicate", "nsdelegate", "sync", "iversion"])
def test_options_that_it_cannot_have_are_refused(runtime: Runtime, bundle: Bundle, option: str) -> None:
    assert option in runtime.refuses(with_cgroups(bundle, option))


def test_no_programs_and_devices_in_the_folders_of_v1(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.v1_only()
    bundle.mount("/sys/fs/cgroup", "cgroup", ["ro"], source="cgroup")
    for mount in cgroup_mounts(runtime, bundle):
        assert {"nosuid", "nodev", "noexec"} <= mount.options, mount.point


@pytest.mark.beyond_runc("runc 1.1 has them whatever the config says")
def test_unless_they_are_asked_for(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.v1_only()
    bundle.mount("/sys/fs/cgroup", "cgroup", ["exec"], source="cgroup")
    for mount in cgroup_mounts(runtime, bundle):
        assert "noexec" not in mount.options and "nosuid" in mount.options, mount.point
