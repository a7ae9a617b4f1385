"""Nothing that a command waits for may wait for ever: a process that is stopped, frozen, or without memory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime, reap, until
from helpers.stepped import CLONE3, CONNECT, Stepped

pytestmark = pytest.mark.beyond_runc("runc waits")

SOON = 0.1 * TIME_LIMIT
ENOUGH = 0.8 * TIME_LIMIT  # a command that hangs runs into TIME_LIMIT


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < ENOUGH


@pytest.mark.parametrize("command", ["create", "run"])
def test_a_memory_limit_too_low_without_the_oom_killer(runtime: Runtime, bundle: Bundle, command: str) -> None:
    cgroup_files.v1_only()
    bundle.linux["resources"]["memory"] = {"limit": 32 << 10, "disableOOMKiller": True}
    bundle.process["args"] = ["/bin/true"]
    name = runtime.add(bundle)
    with in_time():
        words = runtime.fails(command, "--bundle", str(bundle.path), name)
    assert "memory" in words
    assert runtime.call("state", name).status != 0
    assert not cgroup_files.every(bundle.cgroups_path)


@contextlib.contextmanager
def frozen(path: str) -> Iterator[None]:
    """The groups at `path`, made where they are not, and frozen; thawed and removed at the end."""
    name, on, off = ("cgroup.freeze", "1", "0") if cgroup.is_v2() else ("freezer.state", "FROZEN", "THAWED")
    folder = cgroup_files.place("cgroup" if cgroup.is_v2() else "freezer", path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(on)
    try:
        yield
    finally:
        (folder / name).write_text(off)
        for group in cgroup_files.every(path):
            until(lambda group=group: removed(group), f"{group} can be removed")  # type: ignore[misc]


def removed(group: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        try:
            group.rmdir()
        except OSError:
            return False
    return True


def test_create_in_a_frozen_cgroup(runtime: Runtime, bundle: Bundle) -> None:
    with frozen(bundle.cgroups_path), in_time():
        words = runtime.refuses(bundle)
    assert "container's cgroup unexpectedly frozen: /sys/fs/cgroup/" in words


def refused_below_a_frozen_cgroup(runtime: Runtime, bundle: Bundle) -> None:
    parent = f"{bundle.cgroups_path}-frozen"
    bundle.linux["cgroupsPath"] = f"{parent}/container"
    with frozen(parent):
        with in_time():
            words = runtime.refuses(bundle)
        assert f"{parent}/container is frozen, or a parent of it is" in words
        assert not cgroup_files.every(bundle.cgroups_path)


def test_create_below_a_frozen_cgroup(runtime: Runtime, bundle: Bundle) -> None:
    refused_below_a_frozen_cgroup(runtime, bundle)


def test_create_in_a_joined_pid_namespace_below_a_frozen_cgroup(
    runtime: Runtime, bundle: Bundle, namespace_holder: Callable[..., int]
) -> None:
    """Another process prepares init there, and a user namespace is mapped before its first message."""
    bundle.user_namespace()
    bundle.namespace("pid", f"/proc/{namespace_holder('pid')}/ns/pid")
    refused_below_a_frozen_cgroup(runtime, bundle)


BELOW_A_FROZEN_CGROUP = {
    "exec": (("exec", "ID", "/bin/true"), "cannot exec in a paused container"),
    "start": (("start", "ID"), "cannot start a container in the paused state"),
    "pause": (("pause", "ID"), "is paused"),
    "resume": (("resume", "ID"), "still frozen"),
    "delete": (("delete", "ID"), "not stopped: paused"),
    "kill": (("kill", "ID", "TERM"), ""),
    "kill --all": (("kill", "--all", "ID", "TERM"), ""),
    "kill KILL": (("kill", "ID", "KILL"), ""),
    "kill --all KILL": (("kill", "--all", "ID", "KILL"), ""),
    "ps": (("ps", "ID"), ""),
    "events": (("events", "--stats", "ID"), ""),
    "update": (("update", "--pids-limit", "99", "ID"), ""),
    "delete --force": (("delete", "--force", "ID"), ""),
}


@pytest.mark.parametrize("command", BELOW_A_FROZEN_CGROUP)
def test_a_running_container_below_a_cgroup_that_others_freeze(runtime: Runtime, bundle: Bundle, command: str) -> None:
    """Each command does what it says, or says why not: none waits, and none reports what is not so."""
    parent = f"{bundle.cgroups_path}-frozen"
    bundle.linux["cgroupsPath"] = f"{parent}/container"
    bundle.process["args"] = ["/bin/sleep", "1000"]
    container = runtime.create(bundle) if command == "start" else runtime.start(bundle)
    words, refusal = BELOW_A_FROZEN_CGROUP[command]
    with frozen(parent):
        assert container.status == "paused"
        begun = time.monotonic()
        result = runtime.call(*(container.id if word == "ID" else word for word in words))
        assert time.monotonic() - begun < SOON
        assert (result.status != 0) == bool(refusal), result.stderr
        assert refusal in result.stderr
        if command.endswith("KILL"):  # v1 lets nobody die that it holds: they are moved out, to die
            assert container.wait() == -signal.SIGKILL
            until(lambda: container.status == "stopped", "nothing of it is left")
            container.delete()
            return
        container.delete("--force")
        assert container.wait() == -signal.SIGKILL


@pytest.mark.parametrize("own_pid_namespace", [True, False], ids=["own", "the host's"])
def test_all_of_a_container_below_a_frozen_cgroup_dies_when_killed(
    runtime: Runtime, bundle: Bundle, own_pid_namespace: bool
) -> None:
    parent = f"{bundle.cgroups_path}-frozen"
    bundle.linux["cgroupsPath"] = f"{parent}/container"
    if not own_pid_namespace:
        bundle.no_namespace("pid")
    bundle.sh("(while :; do sleep 1; done) & while :; do sleep 1; done")
    container = runtime.start(bundle)
    place = cgroup_files.place("cgroup" if cgroup.is_v2() else "freezer", bundle.cgroups_path)
    procs = place / "cgroup.procs"
    until(lambda: len(procs.read_text().split()) > 1, "it forks")
    with frozen(parent), in_time():
        container.kill("KILL")
        container.wait()
        reap()
        until(lambda: not procs.read_text().split(), "they are dead")
        container.delete()


def test_exec_in_a_container_that_is_paused_meanwhile(runtime: Runtime, bundle: Bundle) -> None:
    """After exec has seen that it runs: in v2 the process is in the frozen cgroup before its first step."""
    bundle.sleeps()
    container = runtime.start(bundle)
    paused = False
    with in_time(), Stepped(runtime.arguments("exec", container.id, "/bin/true")) as stepped:
        for _ in stepped:
            call = stepped.entered()
            if not paused and call is not None and call[0] == CLONE3:
                runtime.expect("pause", container.id)
                paused = True
        assert paused
        assert stepped.status == 255
    runtime.expect("resume", container.id)
    until(lambda: container.exec("/bin/true").status == 0, "it can be entered")
    reap()  # what was killed in it, now that it is thawed


@pytest.mark.parametrize("hooked", [False, True], ids=["in C", "in Python"])
@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_a_start_that_has_given_up_starts_nothing_later(
    runtime: Runtime, bundle: Bundle, how: str, hooked: bool
) -> None:
    """Its message is still in the queue of init, which reads it once it can go on."""
    bundle.sleeps()
    if hooked:
        bundle.config["hooks"] = {"startContainer": [{"path": "/bin/true"}]}
    container = runtime.create(bundle)
    seen = 0
    with Stepped(runtime.arguments("start", container.id)) as stepped:
        for _ in stepped:
            call = stepped.entered()
            seen += call is not None and call[0] == CONNECT
            if seen == 2:  # the status was asked for by the first
                seen += 1
                if how == "paused":
                    runtime.expect("pause", container.id)
                else:
                    os.kill(container.pid, signal.SIGSTOP)
        assert stepped.status == 1
    if how == "paused":
        runtime.expect("resume", container.id)
    else:
        os.kill(container.pid, signal.SIGCONT)
    time.sleep(0.2)
    assert container.status == "created"
    container.start()
    assert container.status == "running"


def test_create_in_a_full_pids_cgroup(runtime: Runtime, bundle: Bundle) -> None:
    parent = f"{bundle.cgroups_path}-full"
    bundle.linux["cgroupsPath"] = f"{parent}/container"
    folder = cgroup_files.place("pids", parent)
    folder.mkdir(parents=True)
    try:
        if cgroup.is_v2():
            folder.parent.joinpath("cgroup.subtree_control").write_text("+pids")
        (folder / "pids.max").write_text("0")
        name = runtime.add(bundle)
        with in_time():
            result = runtime.call("create", "--bundle", str(bundle.path), name)
        if result.status:  # v2 counts who is made there, v1 does not count who is moved there
            assert "Traceback" not in result.stderr
            assert runtime.call("state", name).status != 0
            assert not cgroup_files.every(bundle.linux["cgroupsPath"])
        with in_time():
            runtime.call("delete", "--force", name)
    finally:
        for group in cgroup_files.every(parent):
            until(lambda group=group: removed(group), f"{group} can be removed")  # type: ignore[misc]


def test_create_whose_init_is_stopped(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("createRuntime", "sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/' | xargs kill -STOP")
    with in_time():
        words = runtime.refuses(bundle)
    assert "is stopped, by a signal or a tracer" in words
    assert not cgroup_files.every(bundle.cgroups_path)


def test_start_whose_init_is_stopped(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    os.kill(container.pid, signal.SIGSTOP)
    with in_time():
        assert "is stopped, by a signal or a tracer" in runtime.fails("start", container.id)
    with in_time():
        container.delete("--force")
    container.wait()


def continue_program(runtime: int) -> None:
    """The process that has entered is the program by now, and stopped: that is the container's own affair."""
    for pid in Path(f"/proc/{runtime}/task/{runtime}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/comm").read_text() == "true\n":
                os.kill(int(pid), signal.SIGCONT)


def test_exec_that_the_container_stops(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    """It shares the PID namespace with the process that enters, and its user."""
    for names in bundle.process["capabilities"].values():
        names.append("CAP_SYS_PTRACE")
    bundle.sh(
        "while :; do for pid in $(grep -l pyoci:exec /proc/[0-9]*/comm 2>/dev/null); do "
        "pid=${pid#/proc/}; kill -STOP ${pid%/comm} || true; done; done"
    )
    container = runtime.start(bundle)
    said = scratch / "said"
    with in_time(), open(said, "wb") as stderr:
        entering = runtime.popen("exec", container.id, "/bin/true", stdin=subprocess.DEVNULL, stderr=stderr)
        while entering.poll() is None:
            continue_program(entering.pid)
            time.sleep(0.05)
    assert entering.returncode == 0 or "keeps stopping the process that enters it" in said.read_text()
    container.delete("--force")
    container.wait()


def test_delete_by_force_of_a_container_in_a_frozen_parent(runtime: Runtime, bundle: Bundle) -> None:
    """Until the parent is thawed it cannot die on v1: it is said, in time, and the container can be deleted later."""
    parent = f"{bundle.cgroups_path}-later"
    bundle.linux["cgroupsPath"] = f"{parent}/container"
    bundle.sleeps()
    container = runtime.start(bundle)
    name, on, off = ("cgroup.freeze", "1", "0") if cgroup.is_v2() else ("freezer.state", "FROZEN", "THAWED")
    folder = cgroup_files.place("cgroup" if cgroup.is_v2() else "freezer", parent)
    (folder / name).write_text(on)
    try:
        with in_time():
            runtime.call("delete", "--force", container.id)
    finally:
        (folder / name).write_text(off)
    with in_time():
        container.delete("--force")
    container.wait()
    for group in cgroup_files.every(parent):
        until(lambda group=group: removed(group), f"{group} can be removed")  # type: ignore[misc]
