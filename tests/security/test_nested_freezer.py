"""A container that may write to its cgroup freezes processes in groups of its own: in cgroup v1 none of them dies then,
and init does not end before they have. It must be possible to kill and delete it, and no command may wait for it.

The test plays the container's part: what it writes, root of the container could write by a mount of type cgroup.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Container, Runtime, reap, until
from helpers.stepped import Stepped

pytestmark = pytest.mark.beyond_runc("runc waits for ever, and cannot delete it")

SENDMSG = 46  # x86_64
ENOUGH = 0.8 * TIME_LIMIT


def freezer(bundle: Bundle) -> Path:
    return cgroup_files.place("cgroup" if cgroup.is_v2() else "freezer", bundle.cgroups_path)


def freeze(group: Path) -> None:
    group.mkdir(parents=True, exist_ok=True)
    if cgroup.is_v2():
        (group / "cgroup.freeze").write_text("1")
    else:
        (group / "freezer.state").write_text("FROZEN")


def move(pid: int, group: Path) -> None:
    (group / "cgroup.procs").write_text(str(pid))


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < ENOUGH


def a_container(runtime: Runtime, bundle: Bundle, *, own_pid_namespace: bool = True) -> tuple[Container, int]:
    """It, and the number of a child of its init."""
    if not own_pid_namespace:
        bundle.no_namespace("pid")
    bundle.sh("trap '' TERM; (while :; do sleep 1; done) & while :; do sleep 1; done")
    container = runtime.start(bundle)
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
    return container, int(until(lambda: children.read_text().split(), "it forks")[0])


def assert_ends(container: Container, bundle: Bundle) -> None:
    container.wait()
    reap()
    until(lambda: container.status == "stopped", "it has stopped")
    container.delete()
    assert not cgroup_files.every(bundle.cgroups_path)


@pytest.mark.parametrize("own_pid_namespace", [True, False], ids=["own", "the host's"])
@pytest.mark.parametrize("who", ["init", "child", "both"])
@pytest.mark.parametrize("words", [("kill",), ("kill", "--all"), ("delete", "--force")], ids=" ".join)
def test_what_is_frozen_is_killed(
    runtime: Runtime, bundle: Bundle, words: tuple[str, ...], who: str, own_pid_namespace: bool
) -> None:
    container, child = a_container(runtime, bundle, own_pid_namespace=own_pid_namespace)
    group = freezer(bundle) / "deep" / "er"
    freeze(group)
    for pid in {"init": [container.pid], "child": [child], "both": [container.pid, child]}[who]:
        move(pid, group)
    with in_time():
        runtime.expect(*words, container.id, *(["KILL"] if words[0] == "kill" else []))
        if words[0] == "kill":
            assert_ends(container, bundle)
    container_is_gone = runtime.call("state", container.id).status != 0
    assert container_is_gone and not cgroup_files.every(bundle.cgroups_path)


def test_an_init_that_ends_by_itself(runtime: Runtime, bundle: Bundle) -> None:
    """It waits for the child that is frozen, until that is killed."""
    bundle.sh("(while :; do sleep 1; done) & until test -e /tmp/end; do sleep 0.02; done")
    container = runtime.start(bundle)
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
    child = int(until(lambda: children.read_text().split(), "it forks")[0])
    group = freezer(bundle) / "nested"
    freeze(group)
    move(child, group)
    (bundle.rootfs / "tmp/end").touch()
    time.sleep(0.2)
    with in_time():
        container.delete("--force")
    reap()
    assert not cgroup_files.every(bundle.cgroups_path)


def test_a_paused_container(runtime: Runtime, bundle: Bundle) -> None:
    container, child = a_container(runtime, bundle)
    group = freezer(bundle) / "nested"
    freeze(group)
    move(child, group)
    runtime.expect("pause", container.id)
    with in_time():
        container.kill("KILL")
        assert_ends(container, bundle)


def test_a_process_that_enters(runtime: Runtime, bundle: Bundle) -> None:
    """It is moved away at the last moment before it may go on."""
    container, _ = a_container(runtime, bundle)
    before = set((freezer(bundle) / "cgroup.procs").read_text().split())
    group = freezer(bundle) / "nested"
    freeze(group)
    held: set[str] = set()
    with in_time(), Stepped(runtime.arguments("exec", container.id, "/bin/true")) as stepped:
        for _ in stepped:
            call = stepped.entered()
            if call is not None and call[0] == SENDMSG:
                for pid in set((freezer(bundle) / "cgroup.procs").read_text().split()) - before:
                    move(int(pid), group)
                    held.add(pid)
        assert stepped.status == 255
    assert held, "the process was not seen"
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in held), "it is not left behind")
    assert container.exec("/bin/true").status == 0
    container.kill("KILL")
    assert_ends(container, bundle)
