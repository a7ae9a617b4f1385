"""config-linux.md, "Cgroups Path": where the groups are, who is in them, what is left of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import Runtime

NewBundle = Callable[[], Bundle]


def groups_of(pid: int) -> dict[str, str]:
    return cgroup.of_process(pid)


def groups_with(pid: int) -> list[Path]:
    """The folders of the groups that the process is in."""
    mounts = cgroup.hierarchies()
    return [mounts[name] / path.lstrip("/") for name, path in groups_of(pid).items() if name in mounts]


def test_an_absolute_path_is_taken_from_the_mount_point_in_every_hierarchy(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    assert set(groups_of(container.pid).values()) == {bundle.cgroups_path}
    for folder in cgroup_files.every(bundle.cgroups_path):
        assert str(container.pid) in (folder / "cgroup.procs").read_text().split()


def test_delete_removes_the_groups_and_leaves_their_parents(runtime: Runtime, bundle: Bundle) -> None:
    parents = cgroup_files.every(os.path.dirname(bundle.cgroups_path))
    container = runtime.create(bundle)
    assert cgroup_files.every(bundle.cgroups_path)
    container.delete("--force")
    assert not cgroup_files.every(bundle.cgroups_path)
    assert all(parent.exists() for parent in parents)


def test_a_group_with_processes_is_refused(runtime: Runtime, bundle: Bundle, new_bundle: NewBundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    other = new_bundle()
    other.linux["cgroupsPath"] = bundle.cgroups_path
    words = runtime.refuses(other)
    assert "container's cgroup is not empty: " in words
    assert f"{bundle.cgroups_path} holds processes [{container.pid}" in words
    assert container.status == "running"


def test_a_relative_path_means_the_same_place_whoever_calls(runtime: Runtime, bundle: Bundle) -> None:
    name = bundle.cgroups_path.lstrip("/")
    bundle.linux["cgroupsPath"] = name
    container = runtime.create(bundle)
    parents = [folder.parent for folder in groups_with(container.pid)]
    here = groups_of(container.pid)
    container.delete("--force")
    (found,) = set(here.values())
    assert found == f"/{name}"
    own = Path("/".join([str(cgroup.hierarchies()["" if cgroup.is_v2() else "cpu"]), f"{name}-caller"]))
    own.mkdir(parents=True)
    try:

        def move() -> None:
            (own / "cgroup.procs").write_text(str(os.getpid()))

        again = runtime.create(bundle, preexec=move)
        assert groups_of(again.pid) == here
        again.delete("--force")
    finally:
        cgroup.remove(own)
        for parent in parents:
            for folder in (parent, parent.parent):
                with contextlib.suppress(OSError):  # others may be in it
                    folder.rmdir()


def test_without_a_path_the_group_is_called_after_the_container(runtime: Runtime, bundle: Bundle) -> None:
    del bundle.linux["cgroupsPath"]
    container = runtime.create(bundle)
    assert all(path.endswith(f"/{container.id}") for path in groups_of(container.pid).values())


@pytest.mark.beyond_runc("runc cleans such paths and takes what is left")
@pytest.mark.parametrize("path", ["/pyoci-test/../../x", "..", "/"])
def test_a_broken_path_is_refused_by_name(runtime: Runtime, bundle: Bundle, path: str) -> None:
    bundle.linux["cgroupsPath"] = path
    assert "cgroupsPath" in runtime.refuses(bundle)


@pytest.fixture
def occupied(bundle: Bundle) -> Iterator[list[Path]]:
    """The bundle's group exists already in every hierarchy, made by somebody else."""
    folders = []
    for mount in set(cgroup.hierarchies().values()):
        folder = mount / bundle.cgroups_path.lstrip("/")
        if not folder.exists():
            folder.mkdir(parents=True)
            folders.append(folder)
    yield folders
    for folder in folders:
        if folder.exists():
            cgroup.remove(folder)


@pytest.mark.beyond_runc("runc 1.1 only warns")
def test_a_group_with_processes_is_refused_and_they_live_on(
    runtime: Runtime, bundle: Bundle, occupied: list[Path]
) -> None:
    pid = os.fork()
    if pid == 0:
        os.execvp("sleep", ["sleep", "60"])
    try:
        target = next(folder for folder in occupied if "freezer" in str(folder) or cgroup.is_v2())
        nested = target / "nested"
        nested.mkdir()
        (target / "cgroup.procs").write_text(str(pid))
        assert str(pid) in runtime.refuses(bundle)
        assert nested.exists()
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
        assert all(folder.exists() for folder in occupied)
        nested.rmdir()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_a_frozen_group_is_refused(runtime: Runtime, bundle: Bundle, occupied: list[Path]) -> None:
    for folder in occupied:
        for switch, value in (("freezer.state", "FROZEN"), ("cgroup.freeze", "1")):
            if (folder / switch).exists():
                (folder / switch).write_text(value)
    assert "frozen" in runtime.refuses(bundle)


@pytest.mark.usefixtures("occupied")
def test_an_empty_group_is_used(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    assert set(groups_of(container.pid).values()) == {bundle.cgroups_path}


@pytest.mark.parametrize(
    "resources",
    [
        {"memory": {"limit": 10 << 20, "swap": 5 << 20}},
        {"cpu": {"cpus": "4000"}},
        {"cpu": {"quota": 1}},
        {"cpu": {"quota": 1000, "period": 1}},
    ],
)
def test_a_refused_value_leaves_no_group_behind(runtime: Runtime, bundle: Bundle, resources: dict[str, object]) -> None:
    parents = cgroup_files.every(os.path.dirname(bundle.cgroups_path))
    bundle.linux["resources"].update(resources)
    runtime.refuses(bundle)
    assert not cgroup_files.every(bundle.cgroups_path)
    assert cgroup_files.every(os.path.dirname(bundle.cgroups_path)) == parents


def test_the_error_names_the_file_and_the_value(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.place("cpuset", "/")
    bundle.linux["resources"]["cpu"] = {"cpus": "4000"}
    words = runtime.refuses(bundle)
    assert "cpuset.cpus" in words
    assert "4000" in words


@pytest.mark.beyond_runc("runc passes over what the layout lacks")
def test_a_controller_that_is_not_there_is_refused_by_name(runtime: Runtime, bundle: Bundle) -> None:
    if "net_cls" in cgroup.hierarchies():
        pytest.skip("net_cls is mounted here")
    bundle.linux["resources"]["network"] = {"classID": 1048577}
    assert "/linux/resources/network/classID" in runtime.refuses(bundle)


def test_two_containers_below_one_parent(runtime: Runtime, new_bundle: NewBundle) -> None:
    first, second = (runtime.create(new_bundle()) for _ in range(2))
    first.delete("--force")
    assert cgroup_files.every(second.bundle.cgroups_path)
