"""Issue 11, identity by name: a cgroup's path names whoever is there now, and only the container's own are killed.

Containers that were made later with the same cgroupsPath, below it, or in its place must outlive the deletion of an
earlier one, which has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime, until

NewBundle = Callable[[], Bundle]
pytestmark = pytest.mark.beyond_runc("runc goes by the name")

NAMESPACES = pytest.mark.parametrize("own_pid_namespace", [True, False], ids=["own-pids", "host-pids"])
ENDINGS = pytest.mark.parametrize("how", [[], ["--force"]], ids=["delete", "by-force"])


def ended(runtime: Runtime, bundle: Bundle, own_pid_namespace: bool = True) -> Container:
    """A container whose init is dead, and which nobody has deleted."""
    if not own_pid_namespace:
        bundle.no_namespace("pid")
    container = runtime.create(bundle).start()
    container.wait()
    assert container.status == "stopped"
    return container


def lives(container: Container) -> bool:
    time.sleep(0.05)
    return container.status == "running" and os.waitpid(container.pid, os.WNOHANG) == (0, 0)


def later(runtime: Runtime, bundle: Bundle, path: str) -> Container:
    bundle.linux["cgroupsPath"] = path
    bundle.sleeps()
    return runtime.start(bundle)


@NAMESPACES
@ENDINGS
def test_a_later_container_of_the_same_path(
    runtime: Runtime, new_bundle: NewBundle, own_pid_namespace: bool, how: list[str]
) -> None:
    bundle = new_bundle()
    first = ended(runtime, bundle, own_pid_namespace)
    second = later(runtime, new_bundle(), bundle.cgroups_path)
    first.delete(*how)
    assert lives(second)
    assert str(second.pid) in runtime.expect("ps", "--format", "json", second.id).stdout
    second.delete("--force")
    second.wait()
    assert not cgroup_files.every(bundle.cgroups_path)


@NAMESPACES
@ENDINGS
@pytest.mark.parametrize("below", ["pod", "pod/deeper"])
def test_a_later_container_below(
    runtime: Runtime, new_bundle: NewBundle, own_pid_namespace: bool, how: list[str], below: str
) -> None:
    bundle = new_bundle()
    first = ended(runtime, bundle, own_pid_namespace)
    second = later(runtime, new_bundle(), f"{bundle.cgroups_path}/{below}")
    first.delete(*how)
    assert lives(second)
    second.delete("--force")
    second.wait()
    remove_left(bundle.cgroups_path)


@NAMESPACES
@ENDINGS
def test_a_group_that_was_there_before_and_empty(
    runtime: Runtime, new_bundle: NewBundle, own_pid_namespace: bool, how: list[str]
) -> None:
    """/kubepods before the first pod: what comes below it is not the container's, whoever makes it."""
    bundle = new_bundle()
    make(bundle.cgroups_path)
    first = ended(runtime, bundle, own_pid_namespace)
    with someone(f"{bundle.cgroups_path}/pod") as process:
        first.delete(*how)
        assert process.poll() is None
    remove_left(bundle.cgroups_path)


def test_a_running_container_spares_whom_it_does_not_own(runtime: Runtime, new_bundle: NewBundle) -> None:
    """SIGKILL for all of a container that shares the host's PID namespace, while another one lives below it."""
    bundle = new_bundle()
    bundle.no_namespace("pid")
    bundle.sleeps()
    first = runtime.start(bundle)
    second = later(runtime, new_bundle(), f"{bundle.cgroups_path}/inner")
    first.kill("KILL")
    first.wait()
    assert lives(second)
    first.delete()
    assert lives(second)
    second.delete("--force")
    second.wait()
    remove_left(bundle.cgroups_path)


@NAMESPACES
@ENDINGS
def test_groups_that_were_removed_and_made_anew(
    runtime: Runtime, bundle: Bundle, own_pid_namespace: bool, how: list[str]
) -> None:
    container = ended(runtime, bundle, own_pid_namespace)
    for folder in cgroup_files.every(bundle.cgroups_path):
        folder.rmdir()
    with someone(bundle.cgroups_path) as process:
        container.delete(*how)
        assert process.poll() is None
        assert cgroup_files.every(bundle.cgroups_path)
    remove_left(bundle.cgroups_path)


def test_who_came_after_init_is_spared(runtime: Runtime, bundle: Bundle) -> None:
    """Another runtime's container, which takes the empty group as it is: it has the number that we know."""
    container = ended(runtime, bundle)
    with someone(bundle.cgroups_path) as process:
        runtime.expect("kill", "--all", container.id, "KILL")
        words = runtime.expect("delete", container.id).stderr
        assert process.poll() is None
        assert f"stays: it holds processes that are not this container's: [{process.pid}]" in words
    remove_left(bundle.cgroups_path)


@NAMESPACES
def test_a_state_of_another_boot(runtime: Runtime, bundle: Bundle, own_pid_namespace: bool) -> None:
    """Numbers begin anew with each boot: that they are the same then means nothing."""
    container = ended(runtime, bundle, own_pid_namespace)
    file = runtime.root / container.id / "state.json"
    state = json.loads(file.read_text())
    file.write_text(json.dumps(state | {"boot_id": "0d4dd1f5-0000-0000-0000-000000000000"}))
    with someone(bundle.cgroups_path) as process:
        runtime.expect("kill", "--all", container.id, "KILL")
        container.delete()
        assert process.poll() is None
    remove_left(bundle.cgroups_path)


def test_commands_on_a_living_container_refuse_anothers_group(runtime: Runtime, bundle: Bundle) -> None:
    """Its process was moved elsewhere and its groups made anew, with somebody in them: nothing happens to them."""
    bundle.process["args"] = ["/bin/sleep", "100"]
    container = runtime.start(bundle)
    move(container.pid, f"{bundle.cgroups_path}-elsewhere")
    for folder in cgroup_files.every(bundle.cgroups_path):
        folder.rmdir()
    with someone(bundle.cgroups_path) as process:
        for command in (["exec", container.id, "/bin/true"], ["update", "--pids-limit", "7", container.id],
                        ["pause", container.id], ["events", "--stats", container.id]):  # fmt: skip
            assert "replaced by somebody else" in runtime.fails(*command)
        assert str(process.pid) not in runtime.expect("ps", "--format", "json", container.id).stdout
        runtime.expect("kill", "--all", container.id, "TERM")
        assert process.poll() is None
        container.delete("--force")
        container.wait()
        assert process.poll() is None
    remove_left(bundle.cgroups_path)
    remove_left(f"{bundle.cgroups_path}-elsewhere")


def test_anothers_group_that_is_frozen(runtime: Runtime, bundle: Bundle) -> None:
    """Nor does it make the container a paused one, that `resume` would thaw and `exec` refuse."""
    bundle.process["args"] = ["/bin/sleep", "100"]
    container = runtime.start(bundle)
    move(container.pid, f"{bundle.cgroups_path}-elsewhere")
    for folder in cgroup_files.every(bundle.cgroups_path):
        folder.rmdir()
    with someone(bundle.cgroups_path), frozen(bundle.cgroups_path) as is_frozen:
        assert container.status == "running"
        assert "container not paused" in runtime.fails("resume", container.id)
        assert "replaced by somebody else" in runtime.fails("exec", container.id, "/bin/true")
        assert is_frozen()
        container.delete("--force")
        container.wait()
        assert is_frozen()
    remove_left(bundle.cgroups_path)
    remove_left(f"{bundle.cgroups_path}-elsewhere")


def test_anothers_group_in_one_hierarchy_of_v1(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["args"] = ["/bin/sleep", "100"]
    container = runtime.start(bundle)
    cgroup_files.v1_only()
    memory = cgroup_files.place("memory", bundle.cgroups_path)
    (memory.parent / "cgroup.procs").write_text(str(container.pid))
    memory.rmdir()
    memory.mkdir()
    for command in (["update", "--pids-limit", "7", container.id], ["events", "--stats", container.id],
                    ["exec", container.id, "/bin/true"]):  # fmt: skip
        assert "replaced by somebody else" in runtime.fails(*command)
    container.delete("--force")
    container.wait()
    memory.rmdir()


DEPTH, NAME = 40, "n" * 200  # 8,000 bytes: a path has 4,096


def test_a_chain_of_groups_deeper_than_a_path(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    for folder in cgroup_files.every(bundle.cgroups_path):
        chain(folder, DEPTH)
    assert str(container.pid) in runtime.expect("ps", "--format", "json", container.id).stdout
    runtime.expect("pause", container.id)
    runtime.expect("resume", container.id)
    runtime.expect("kill", "--all", container.id, "TERM")
    container.wait()
    container.delete()
    assert not cgroup_files.every(bundle.cgroups_path)


def test_a_process_at_the_end_of_the_chain(runtime: Runtime, bundle: Bundle) -> None:
    """In the host's PID namespace nothing but the walk over the groups reaches it."""
    bundle.no_namespace("pid")
    bundle.sh("sleep 100 & sleep 100")
    container = runtime.start(bundle)
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
    child = int(until(lambda: children.read_text().split(), "it forks")[0])
    for folder in cgroup_files.every(bundle.cgroups_path):
        chain(folder, DEPTH, child)
    assert str(child) in runtime.expect("ps", "--format", "json", container.id).stdout
    container.delete("--force")
    container.wait()
    until(
        lambda: not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes(), "dead"
    )
    assert not cgroup_files.every(bundle.cgroups_path)


def chain(top: Path, depth: int, pid: int = 0) -> None:
    here = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(NAME, dir_fd=here)
        below = os.open(NAME, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
        fill_cpuset(here)
    if pid:
        write(here, "cgroup.procs", str(pid))
    os.close(here)


def fill_cpuset(group: int) -> None:
    if cgroup.is_v2():
        return
    for name in ("cpuset.cpus", "cpuset.mems"):
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(f"../{name}", os.O_RDONLY, dir_fd=group)
            write(group, name, os.read(fd, 4096).decode())
            os.close(fd)


def write(group: int, name: str, text: str) -> None:
    fd = os.open(name, os.O_WRONLY, dir_fd=group)
    os.write(fd, text.encode())
    os.close(fd)


def make(path: str) -> list[Path]:
    folders = [mount / path.lstrip("/") for mount in set(cgroup.hierarchies().values())]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        group = os.open(folder, os.O_RDONLY)
        parent = os.open(folder.parent, os.O_RDONLY)
        fill_cpuset(parent)
        fill_cpuset(group)
        os.close(parent)
        os.close(group)
    return folders


def move(pid: int, path: str) -> None:
    for folder in make(path):
        (folder / "cgroup.procs").write_text(str(pid))


@contextlib.contextmanager
def someone(path: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of nobody's container in the groups at `path`."""
    process = subprocess.Popen(["sleep", "100"])
    try:
        move(process.pid, path)
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def frozen(path: str) -> Iterator[Callable[[], bool]]:
    """The groups at `path` stand still; tells whether they do."""
    if cgroup.is_v2():
        file, on, off = cgroup_files.place("cgroup", path) / "cgroup.freeze", "1", "0"
    else:
        file, on, off = cgroup_files.place("freezer", path) / "freezer.state", "FROZEN", "THAWED"
    file.write_text(on)
    try:
        until(lambda: file.read_text().strip() == on, "it is frozen")
        yield lambda: file.read_text().strip() == on
    finally:
        file.write_text(off)


def remove_left(path: str) -> None:
    """What a runtime rightly leaves when others are in it."""
    for folder in cgroup_files.every(path):
        for below, _, _ in os.walk(folder, topdown=False):
            until(lambda below=below: removed(below), f"{below} can be removed")  # type: ignore[misc]


def removed(folder: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        try:
            os.rmdir(folder)
        except OSError:
            return False
    return True
