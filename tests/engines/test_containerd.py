"""containerd, unmodified, with the runtime under test: `ctr run --runc-binary`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import cgroup, sandbox
from helpers.checkpoint import why_not
from helpers.engine import World
from helpers.image import NAME
from helpers.runtime import TIME_LIMIT, Result, until

pytestmark = pytest.mark.skipif(
    not (shutil.which("containerd") and shutil.which("ctr")), reason="containerd is not installed"
)


class Containerd:
    def __init__(self, world: World, runtime: str) -> None:
        self.world = world
        self.folder = world.folder
        self.runtime = runtime
        self.socket = f"{self.folder}/containerd.sock"
        self._count = 0

    def serve(self) -> subprocess.Popen[bytes]:
        config = self.folder / "config.toml"
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        words = ["containerd", f"--config={config}", f"--root={self.folder}/root", f"--state={self.folder}/state"]
        with open(self.folder / "containerd.log", "wb") as log:
            return subprocess.Popen(self.world.command(*words, f"--address={self.socket}"), stdout=log, stderr=log)

    def command(self, *words: str) -> list[str]:
        return ["ctr", f"--address={self.socket}", *words]

    def call(self, *words: str) -> Result:
        return self.world.call(*self.command(*words))

    def expect(self, *words: str) -> str:
        result = self.call(*words)
        assert result.status == 0, f"{' '.join(words)}: status {result.status}: {result.stderr}"
        return result.stdout.strip()

    def new_id(self) -> str:
        self._count += 1
        return f"{sandbox.MARK}-{self._count}"

    def run_words(self, *options: str, name: str = "") -> list[str]:
        """ctr run up to the image, with a container of that or a new name."""
        return ["run", f"--runc-binary={self.runtime}", "--snapshotter=native", *options, NAME, name or self.new_id()]

    def run(self, *words: str, options: tuple[str, ...] = ()) -> Result:
        return self.call(*self.run_words("--rm", *options), *words)

    def log(self) -> str:
        return (self.folder / "containerd.log").read_text(errors="replace")[-3000:]


@pytest.fixture(scope="module")
def containerd(engine_world: World, runtime_path: str, image: Path) -> Iterator[Containerd]:
    containerd = Containerd(engine_world, runtime_path)
    daemon = containerd.serve()
    until(lambda: containerd.call("version").status == 0, f"containerd answers: {containerd.log()}")
    containerd.expect("image", "import", "--snapshotter=native", str(image))
    yield containerd
    daemon.terminate()
    daemon.wait(TIME_LIMIT)


@pytest.fixture
def sleeper(containerd: Containerd) -> Iterator[str]:
    name = containerd.new_id()
    script = "trap 'exit 3' TERM; while :; do sleep 0.1; done"
    containerd.expect(*containerd.run_words("--detach", name=name), "sh", "-c", script)
    yield name
    containerd.call("task", "kill", "--signal=KILL", name)
    until(lambda: "RUNNING" not in containerd.expect("task", "ls"), "it ends")
    containerd.call("task", "rm", name)
    containerd.call("container", "rm", name)


def status(containerd: Containerd, name: str) -> str:
    rows = [line.split() for line in containerd.expect("task", "ls").splitlines()]
    return next((row[2] for row in rows if row[0] == name), "")


def test_run(containerd: Containerd) -> None:
    result = containerd.run("echo", "hello")
    assert (result.stdout, result.status) == ("hello\n", 0), result.stderr + containerd.log()


def test_the_exit_status_is_passed_on(containerd: Containerd) -> None:
    assert containerd.run("sh", "-c", "exit 42").status == 42


def test_what_cannot_be_executed(containerd: Containerd) -> None:
    result = containerd.run("no-such-program")
    assert result.status != 0
    assert "executable file not found in $PATH" in result.stderr


def test_detached_and_killed(containerd: Containerd, sleeper: str) -> None:
    assert status(containerd, sleeper) == "RUNNING"
    containerd.expect("task", "kill", "--signal=TERM", sleeper)
    until(lambda: status(containerd, sleeper) == "STOPPED", "it stops")
    assert "exit code 3" in containerd.call("task", "rm", sleeper).stderr
    containerd.expect("container", "rm", sleeper)


def test_exec(containerd: Containerd, sleeper: str) -> None:
    words = containerd.expect("task", "exec", "--exec-id=one", sleeper, "sh", "-c", "echo in; cat /proc/1/comm")
    assert words.split() == ["in", "sh"]
    assert containerd.call("task", "exec", "--exec-id=two", sleeper, "sh", "-c", "exit 9").status == 9


def test_pause_and_resume(containerd: Containerd, sleeper: str) -> None:
    containerd.expect("task", "pause", sleeper)
    assert status(containerd, sleeper) == "PAUSED"
    containerd.expect("task", "resume", sleeper)
    assert status(containerd, sleeper) == "RUNNING"


def test_processes(containerd: Containerd, sleeper: str) -> None:
    assert len(containerd.expect("task", "ps", sleeper).splitlines()) >= 2


def test_memory_limit(containerd: Containerd) -> None:
    name = containerd.new_id()
    group = f"/{sandbox.MARK}/containerd"
    options = (f"--memory-limit={64 << 20}", f"--cgroup={group}", "--detach")
    containerd.expect(*containerd.run_words(*options, name=name), "sleep", "60")
    file = "memory.max" if cgroup.is_v2() else "memory.limit_in_bytes"
    limit = (cgroup.folder("memory", group) / file).read_text().strip()
    containerd.expect("task", "kill", "--signal=KILL", name)
    until(lambda: status(containerd, name) == "STOPPED", "it stops")
    containerd.call("task", "rm", name)
    containerd.expect("container", "rm", name)
    assert limit == str(64 << 20)
    assert not cgroup.folder("memory", group).exists()


def test_terminal(containerd: Containerd) -> None:
    command = containerd.command(*containerd.run_words("--rm", "--tty"), "tty")
    words = containerd.world.command("script", "-qec", " ".join(command), "/dev/null")
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=TIME_LIMIT, check=False)
    assert b"/dev/pts/0" in done.stdout, done.stdout


def test_nothing_is_left(containerd: Containerd) -> None:
    name = containerd.new_id()
    containerd.expect(*containerd.run_words("--rm", f"--cgroup=/{sandbox.MARK}/left", name=name), "true")
    assert not cgroup.named(f"{sandbox.MARK}/left")
    assert name not in containerd.expect("container", "ls")


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "criu works here")
def test_checkpoint_and_restore(containerd: Containerd) -> None:
    """A checkpoint of the task, as an image, from which a new container goes on."""
    name, another, image = containerd.new_id(), containerd.new_id(), "localhost/checkpoint:test"
    count = "i=0; while :; do i=$((i+1)); echo $i > /last; sleep 0.1; done"
    containerd.expect(*containerd.run_words("--detach", name=name), "sh", "-c", count)
    until(lambda: number(containerd, name) > 1, "it counts", 30)
    before = number(containerd, name)
    containerd.expect("container", "checkpoint", "--rw", "--image", "--task", name, image)
    until(lambda: number(containerd, name) > before, "it goes on after that", 30)
    end(containerd, name)
    containerd.expect("container", "restore", "--rw", "--live", another, image)
    first = until(lambda: number(containerd, another), "it has a number", 30)
    assert first >= before
    until(lambda: number(containerd, another) > first, "it counts on", 30)
    end(containerd, another)


def number(containerd: Containerd, name: str) -> int:
    words = containerd.call("task", "exec", f"--exec-id={containerd.new_id()}", name, "cat", "/last")
    return int(words.stdout.strip() or 0)


def end(containerd: Containerd, name: str) -> None:
    containerd.call("task", "kill", "--signal=KILL", name)
    until(lambda: "RUNNING" not in status(containerd, name), "it ends", 30)
    containerd.call("task", "rm", name)
    containerd.call("container", "rm", name)
