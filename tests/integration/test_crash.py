"""A runtime killed at any point of create leaves only what `delete --force` removes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import cgroup
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime, kill_process, sleeps, until
from helpers.sandbox import MARK

pytestmark = pytest.mark.thorough

POINTS = 30


def create(runtime: Runtime, bundle: Bundle, name: str) -> subprocess.Popen[bytes]:
    return runtime.quietly("create", "--bundle", str(bundle.path), name)


def duration(runtime: Runtime, bundle: Bundle) -> float:
    """Seconds that one whole create takes here."""
    name = runtime.add(bundle)
    began = time.monotonic()
    assert create(runtime, bundle, name).wait(TIME_LIMIT) == 0
    took = time.monotonic() - began
    runtime.expect("delete", "--force", name)
    return took


def crash(runtime: Runtime, bundle: Bundle, after: float) -> str:
    name = runtime.add(bundle)
    process = create(runtime, bundle, name)
    time.sleep(after)
    kill_process(process)
    return name


@pytest.mark.beyond_runc("runc leaves processes and cgroups that its delete does not know")
@pytest.mark.parametrize("users", ["same", "mapped"])
def test_delete_force_removes_all(runtime: Runtime, bundle: Bundle, users: str) -> None:
    if users == "mapped":
        bundle.user_namespace()
    whole = duration(runtime, bundle)
    for point in range(POINTS):
        name = crash(runtime, bundle, whole * 1.1 * point / POINTS)
        runtime.expect("delete", "--force", name)
        left = [group for group in cgroup.named(MARK) if group.name != MARK]
        assert not left, f"point {point} of {POINTS}"
        assert not (runtime.root / name).exists(), f"point {point} of {POINTS}"


@pytest.mark.beyond_runc("runc's state may be a part of a file")
def test_state_says_the_truth_or_that_it_does_not_exist(runtime: Runtime, bundle: Bundle) -> None:
    whole = duration(runtime, bundle)
    for point in range(POINTS):
        name = crash(runtime, bundle, whole * 1.1 * point / POINTS)
        result = runtime.call("state", name)
        if result.status == 0:
            assert runtime.state(name)["status"] in ("creating", "created", "stopped")
        else:
            words = ("does not exist", "create was interrupted")
            assert any(word in result.stderr for word in words), f"point {point} of {POINTS}: {result.stderr}"
        runtime.call("delete", "--force", name)


@pytest.mark.beyond_runc("runc 1.1 may leave folders that it cannot read")
def test_list_works_beside_what_is_broken(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
    good = runtime.create(new_bundle())
    bundle = new_bundle()
    whole = duration(runtime, bundle)
    for point in range(8):
        crash(runtime, bundle, whole * point / 8)
        assert good.id in runtime.expect("list", "--quiet").stdout
        assert good.id in runtime.expect("list").stdout
        for name in runtime.known:
            if name != good.id:
                runtime.expect("delete", "--force", name)


@pytest.mark.beyond_runc("runc's container waits for a runtime that is gone")
def test_a_container_whose_runtime_died_in_a_hook_ends_or_is_deleted(runtime: Runtime, bundle: Bundle) -> None:
    bundle.hook("createRuntime", f"echo > {bundle.path}/reached; exec sleep 20")
    name = runtime.add(bundle)
    process = create(runtime, bundle, name)
    until((bundle.path / "reached").exists)
    kill_process(process)
    runtime.expect("delete", "--force", name)
    assert runtime.call("state", name).status != 0


@pytest.mark.beyond_runc("runc's cgroups stay, and it refuses to use them again")
def test_the_id_is_free_after_that(runtime: Runtime, bundle: Bundle) -> None:
    name = crash(runtime, bundle, 0.03)
    runtime.expect("delete", "--force", name)
    runtime.expect("create", "--bundle", str(bundle.path), name)


def test_a_killed_start_leaves_a_container_that_can_be_deleted(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    for point in range(8):
        container = runtime.create(bundle)
        process = runtime.popen("start", container.id)
        time.sleep(0.004 * point)
        kill_process(process)
        assert container.status in ("created", "running")
        container.delete("--force")


def test_a_killed_delete_can_be_repeated(runtime: Runtime, bundle: Bundle) -> None:
    for point in range(12):
        container = runtime.create(bundle)
        process = runtime.popen("delete", "--force", container.id)
        time.sleep(0.004 * point)
        kill_process(process)
        container.delete("--force")
        assert not cgroup.folder("pids", bundle.cgroups_path).exists()


def test_a_killed_run_leaves_a_container_that_can_be_deleted(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh("echo > /ready; sleep 60")
    name = runtime.add(bundle)
    process = runtime.popen("run", "--bundle", str(bundle.path), name, stdin=subprocess.DEVNULL)
    until((bundle.rootfs / "ready").exists)
    kill_process(process)
    assert runtime.state(name)["status"] == "running"
    runtime.expect("delete", "--force", name)


@pytest.mark.beyond_runc("runc has no pidfd socket before 1.2")
def test_init_that_dies_before_it_is_started_ends_run(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    name = runtime.add(bundle)
    pid_file, path = scratch / "pid", str(scratch / "pidfd.sock")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)  # the next one has to wait: `run`, between pid file and start
        options = ("--bundle", str(bundle.path), "--pid-file", str(pid_file), "--pidfd-socket", path)
        process = runtime.quietly("run", *options, name)
        until(pid_file.exists)
        init = int(pid_file.read_text())
        os.kill(init, signal.SIGSTOP)
        listener.accept()[0].close()
        with listener.accept()[0] as connection:
            assert connection.recv(100)
    until(lambda: sleeps(process.pid), "START is sent, and nobody reads it")
    os.kill(init, signal.SIGKILL)
    try:
        assert process.wait(TIME_LIMIT) == 128 + signal.SIGKILL
    finally:
        kill_process(process)
    assert runtime.call("state", name).status != 0
