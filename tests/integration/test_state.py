"""runtime.md, State: the status tells the truth, whatever happened."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import sandbox
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime, until


def test_properties(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["annotations"] = {"com.example.key": "värde"}
    container = runtime.create(bundle)
    state = container.state()
    assert state["ociVersion"].startswith("1.")
    assert state["id"] == container.id
    assert state["bundle"] == str(bundle.path)
    assert state["annotations"]["com.example.key"] == "värde"
    assert Path(f"/proc/{state['pid']}").exists()


@pytest.mark.beyond_runc("runc names the version that it was written for")
def test_its_specification_is_that_of_the_config(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["ociVersion"] = "1.0.1"
    assert runtime.create(bundle).state()["ociVersion"] == "1.0.1"


def test_bundle_is_absolute(runtime: Runtime, bundle: Bundle) -> None:
    name = runtime.add(bundle)
    runtime.expect("create", "--bundle", ".", name, cwd=bundle.path)
    assert runtime.state(name)["bundle"] == str(bundle.path)


def test_created_running_stopped(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.create(bundle)
    assert container.status == "created"
    container.start()
    assert container.status == "running"
    container.kill("KILL")
    container.wait()
    assert container.status == "stopped"


def test_without_annotations(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.create(bundle).state().get("annotations", {}) == {}


def zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_dead_process_that_nobody_has_reaped_is_stopped(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    container.start()
    until(lambda: zombie(container.pid))
    assert container.status == "stopped"
    container.wait()


def test_a_created_container_that_was_killed_is_stopped(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    os.kill(container.pid, signal.SIGKILL)
    container.wait()
    assert container.status == "stopped"


def take_pid(pid: int) -> int | None:
    """A process of ours that has that very PID, if the kernel gives it."""
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    if child == pid:
        return child
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


class TestPidReuse:
    """The container is dead, and another process has got its PID."""

    @pytest.fixture
    def reused(self, runtime: Runtime, bundle: Bundle) -> Container:
        bundle.sleeps()
        container = runtime.start(bundle)
        os.kill(container.pid, signal.SIGKILL)
        container.wait()
        time.sleep(0.02)  # start times count in clock ticks of 10 ms
        for _ in range(50):
            if take_pid(container.pid):
                return container
        pytest.skip("the PID went to others")

    def end(self, container: Container) -> None:
        assert Path(f"/proc/{container.pid}").exists(), "another process was killed"
        os.kill(container.pid, signal.SIGKILL)
        container.wait()

    def test_status_is_stopped(self, reused: Container) -> None:
        status = reused.status
        self.end(reused)
        assert status == "stopped"

    def test_kill_does_not_reach_the_other(self, runtime: Runtime, reused: Container) -> None:
        result = runtime.call("kill", reused.id, "KILL")
        assert not zombie(reused.pid)
        self.end(reused)
        assert result.status != 0

    @pytest.mark.parametrize("words", [(), ("--force",)])
    def test_delete_does_not_kill_the_other(self, reused: Container, words: tuple[str, ...]) -> None:
        reused.delete(*words)
        assert not zombie(reused.pid)
        self.end(reused)


@pytest.mark.beyond_runc("runc does not tell one boot from another")
class TestReboot:
    """The state has outlived the machine's reboot, and another process has the very PID and start time."""

    @pytest.fixture
    def rebooted(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> Iterator[Container]:
        bundle.sleeps()
        container = runtime.start(bundle)
        (scratch / "boot_id").write_text("11111111-2222-3333-4444-555555555555\n")
        with sandbox.mounted("--bind", str(scratch / "boot_id"), at=Path("/proc/sys/kernel/random/boot_id")):
            yield container
        if runtime.call("state", container.id).status != 0:  # the delete of a test has forgotten it
            os.kill(container.pid, signal.SIGKILL)
            container.wait()

    def test_status_is_stopped(self, rebooted: Container) -> None:
        assert rebooted.status == "stopped"

    def test_kill_does_not_reach_the_other(self, runtime: Runtime, rebooted: Container) -> None:
        runtime.fails("kill", rebooted.id, "KILL")
        assert not zombie(rebooted.pid)


def test_config_may_change_after_create(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh("echo first")
    bundle.config["annotations"] = {"key": "first"}
    container = runtime.create(bundle)
    bundle.sh("echo second")
    bundle.config["annotations"] = {"key": "second"}
    bundle.write()
    assert container.state()["annotations"]["key"] == "first"
    assert container.exits() == "first"


def test_the_bundle_may_vanish_after_create(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    (bundle.path / "config.json").unlink()
    assert container.status == "created"
    container.start()
    container.wait()
    container.delete()


def test_an_unknown_container(runtime: Runtime) -> None:
    assert "does not exist" in runtime.fails("state", "nobody")


def test_without_an_id(runtime: Runtime) -> None:
    runtime.fails("state")
