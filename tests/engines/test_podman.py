"""Podman, unmodified, with the runtime under test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import cgroup, sandbox
from helpers.checkpoint import why_not
from helpers.engine import World
from helpers.image import NAME
from helpers.runtime import TIME_LIMIT, Result, until

pytestmark = pytest.mark.skipif(not shutil.which("podman"), reason="podman is not installed")

# No events to journald; locks in files, not in the machine's shared memory; limits that need no CAP_SYS_RESOURCE.
LIMITS = 'default_ulimits = ["nofile=1024:1024", "nproc=8192:8192"]'
CONTAINERS_CONF = f"""
[containers]
{LIMITS}
log_driver = "k8s-file"
[engine]
lock_type = "file"
events_logger = "file"
cgroup_manager = "cgroupfs"
"""


class Podman:
    def __init__(self, world: World, runtime: str) -> None:
        self.world = world
        self.folder = world.folder
        (self.folder / "containers.conf").write_text(CONTAINERS_CONF)
        self.env = {**os.environ, "CONTAINERS_CONF": str(self.folder / "containers.conf")}
        self._options = [
            f"--runtime={runtime}",
            "--storage-driver=vfs",
            f"--root={self.folder}/root",
            f"--runroot={self.folder}/runroot",
            f"--tmpdir={self.folder}/tmp",
        ]
        self.group = f"/{sandbox.MARK}/podman"

    def command(self, *words: str) -> list[str]:
        return ["podman", *self._options, *words]

    def call(self, *words: str) -> Result:
        return self.world.call(*self.command(*words), env=self.env)

    def expect(self, *words: str) -> str:
        result = self.call(*words)
        assert result.status == 0, f"{' '.join(words)}: status {result.status}: {result.stderr}"
        return result.stdout.strip()

    def run_words(self, *words: str) -> list[str]:
        """podman run, with no network to set up and with the tests' own cgroup."""
        return ["run", "--network=none", f"--cgroup-parent={self.group}", *words]

    def run(self, *words: str) -> Result:
        return self.call(*self.run_words("--rm", NAME, *words))

    def start(self, *words: str) -> str:
        """`run -d`; the container's ID."""
        return self.expect(*self.run_words("-d", *words))

    def remaining_groups(self, container: str) -> list[Path]:
        return [group for group in cgroup.named(sandbox.MARK) if container in str(group)]


@pytest.fixture(scope="module")
def podman(engine_world: World, runtime_path: str, image: Path) -> Podman:
    podman = Podman(engine_world, runtime_path)
    podman.expect("load", "--input", str(image))
    return podman


@pytest.fixture
def sleeper(podman: Podman) -> Iterator[str]:
    container = podman.start(NAME, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    yield container
    podman.call("rm", "--force", "--time=0", container)


def test_run(podman: Podman) -> None:
    result = podman.run("echo", "hello")
    assert (result.stdout, result.status) == ("hello\n", 0), result.stderr


def test_the_exit_status_is_passed_on(podman: Podman) -> None:
    assert podman.run("sh", "-c", "exit 42").status == 42


@pytest.mark.parametrize(
    "command, status",
    [(["no-such-program"], 127), (["/no/such/program"], 127), (["/etc/passwd"], 126), (["/etc"], 126)],
    ids=["not-in-path", "no-such-file", "not-executable", "a-folder"],
)
def test_the_status_of_what_cannot_be_executed(podman: Podman, command: list[str], status: int) -> None:
    result = podman.run(*command)
    assert result.status == status, result.stderr


def test_detached_and_stopped(podman: Podman, sleeper: str) -> None:
    assert podman.expect("inspect", "--format={{.State.Status}}", sleeper) == "running"
    podman.expect("stop", "--time=10", sleeper)
    assert podman.expect("inspect", "--format={{.State.Status}} {{.State.ExitCode}}", sleeper) == "exited 0"


def test_started_again(podman: Podman, sleeper: str) -> None:
    podman.expect("stop", sleeper)
    podman.expect("start", sleeper)
    assert podman.expect("inspect", "--format={{.State.Status}}", sleeper) == "running"


def test_removed(podman: Podman, sleeper: str) -> None:
    assert podman.remaining_groups(sleeper)
    podman.expect("rm", "--force", "--time=0", sleeper)
    assert podman.remaining_groups(sleeper) == []
    assert podman.call("inspect", sleeper).status != 0


def test_killed(podman: Podman, sleeper: str) -> None:
    podman.expect("kill", "--signal=KILL", sleeper)
    assert podman.expect("wait", sleeper) == "137"


def test_logs(podman: Podman) -> None:
    container = podman.start(NAME, "sh", "-c", "echo out; echo err >&2")
    podman.expect("wait", container)
    assert podman.call("logs", container).stdout == "out\n"
    podman.expect("rm", container)


def test_terminal(podman: Podman) -> None:
    command = podman.command(*podman.run_words("--rm", "-t", NAME, "sh", "-c", "tty; stty size"))
    words = podman.world.command("script", "-qec", " ".join(f"'{word}'" for word in command), "/dev/null")
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=podman.env, timeout=TIME_LIMIT, check=False
    )
    assert b"/dev/pts/0" in done.stdout, done.stdout


def test_exec(podman: Podman, sleeper: str) -> None:
    assert podman.expect("exec", sleeper, "sh", "-c", "echo in; cat /proc/1/comm").split() == ["in", "sh"]
    assert podman.call("exec", sleeper, "sh", "-c", "exit 9").status == 9
    assert podman.call("exec", sleeper, "no-such-program").status == 127


def test_exec_as_a_user(podman: Podman, sleeper: str) -> None:
    options = ["--user=1000:1000", "--env=A=b", "--workdir=/etc"]
    assert podman.expect("exec", *options, sleeper, "sh", "-c", "id -u; echo $A; pwd").split() == ["1000", "b", "/etc"]


def test_memory_limit(podman: Podman) -> None:
    limit = ["--memory=64m"]
    container = podman.start(*limit, NAME, "sleep", "60")
    (folder,) = [
        group
        for group in podman.remaining_groups(container)
        if (group / "memory.max").exists() or (group / "memory.limit_in_bytes").exists()
    ][:1]
    name = "memory.max" if cgroup.is_v2() else "memory.limit_in_bytes"
    assert (folder / name).read_text().strip() == str(64 << 20)
    podman.expect("rm", "--force", "--time=0", container)


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_no_limit_of_processes(podman: Podman, limit: str) -> None:
    """Podman before 5.4.1 writes 0 for both; at a limit of 1 the shell could not begin another program."""
    words = podman.run_words("--rm", f"--pids-limit={limit}", NAME, "sh", "-c", "echo $(echo forked)")
    assert podman.expect(*words) == "forked"


def test_over_the_memory_limit(podman: Podman) -> None:
    words = podman.run_words("--rm", "--memory=24m", "--memory-swap=24m", NAME)
    result = podman.call(*words, "dd", "if=/dev/zero", "of=/dev/null", "bs=96M", "count=1")
    assert result.status == 137, result.stderr


def test_process_options(podman: Podman) -> None:
    options = ["--user=1000:1001", "--workdir=/tmp", "--env=KEY=value", "--hostname=mine", "--cap-drop=all"]
    script = "id -u; id -g; pwd; echo $KEY; hostname; grep CapEff /proc/self/status"
    words = podman.expect(*podman.run_words("--rm", *options, NAME, "sh", "-c", script)).split()
    assert words[:5] == ["1000", "1001", "/tmp", "value", "mine"]
    assert int(words[-1], 16) == 0


def test_read_only_with_a_volume_and_a_tmpfs(podman: Podman) -> None:
    source = podman.folder / "volume"
    source.mkdir(exist_ok=True)
    options = ["--read-only", f"--volume={source}:/data", "--tmpfs=/scratch"]
    script = "echo written > /data/fact; touch /scratch/x; touch /etc/x 2>/dev/null || echo read-only"
    assert podman.expect(*podman.run_words("--rm", *options, NAME, "sh", "-c", script)) == "read-only"
    assert (source / "fact").read_text() == "written\n"


def test_init_joins_namespaces_of_another(podman: Podman, sleeper: str) -> None:
    options = [f"--pid=container:{sleeper}", f"--ipc=container:{sleeper}"]
    words = podman.expect("run", "--rm", "--network=none", f"--cgroup-parent={podman.group}", *options, NAME, "ps")
    assert "while" in words or "sh -c" in words


def test_user_namespace(podman: Podman) -> None:
    options = ["--uidmap=0:100000:1000", "--gidmap=0:100000:1000"]
    words = podman.expect(*podman.run_words("--rm", *options, NAME, "sh", "-c", "id -u; cat /proc/self/uid_map"))
    assert words.split() == ["0", "0", "100000", "1000"]


def test_pause(podman: Podman, sleeper: str) -> None:
    podman.expect("pause", sleeper)
    assert podman.expect("inspect", "--format={{.State.Status}}", sleeper) == "paused"
    podman.expect("unpause", sleeper)
    assert podman.expect("inspect", "--format={{.State.Status}}", sleeper) == "running"


def test_one_after_another(podman: Podman) -> None:
    began = time.monotonic()
    for number in range(3):
        assert podman.run("echo", str(number)).stdout.strip() == str(number)
    assert time.monotonic() - began < TIME_LIMIT


def test_inspect_names_the_runtime(podman: Podman, sleeper: str, runtime_path: str) -> None:
    (facts,) = json.loads(podman.expect("inspect", sleeper))
    assert facts["OCIRuntime"] == runtime_path


# podman's service manager, and then the container's program: both in the world, whose process numbers podman tells.
_MANAGER = """
import json, os, socket, subprocess, sys, time
place, *podman = sys.argv[1:]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(place + "/manager.sock")
manager.settimeout(120)
os.environ["NOTIFY_SOCKET"] = place + "/manager.sock"
run = subprocess.Popen(podman, stdin=subprocess.DEVNULL)
del os.environ["NOTIFY_SOCKET"]
at = podman.index("run")
inspect = [*podman[:at], "inspect", "--format={{.State.Pid}}", "ready"]
pid = 0
while not pid:
    time.sleep(0.1)
    pid = int(subprocess.run(inspect, capture_output=True, text=True).stdout.strip() or 0)
told = [entry for entry in open(f"/proc/{pid}/environ").read().split("\\0") if entry.startswith("NOTIFY_SOCKET=")]
path = told[0].partition("=")[2]
program = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
program.connect(f"/proc/{pid}/root{path}")
program.send(b"READY=1")
said = ""
while "READY=1" not in said:
    said += manager.recv(4096).decode() + "\\n"
print(json.dumps({"path": path, "said": said.split(), "status": run.wait()}))
"""


def test_sdnotify_of_the_container(podman: Podman) -> None:
    options = ["-d", "--name=ready", "--sdnotify=container"]
    command = podman.command(*podman.run_words(*options, NAME, "sleep", "60"))
    words = [sys.executable, "-I", "-S", "-c", _MANAGER, str(podman.folder), *command]
    result = podman.world.call(*words, env=podman.env)
    podman.expect("rm", "--force", "--time=0", "ready")
    assert result.status == 0, result.stderr
    facts = json.loads(result.stdout.splitlines()[-1])
    assert (facts["path"], facts["status"]) == ("/run/notify/notify.sock", 0)
    assert "READY=1" in facts["said"]


needs_criu = pytest.mark.skipif(bool(why_not()), reason=why_not() or "criu works here")
COUNT = "i=0; while :; do i=$((i+1)); echo $i; echo $i > /last; sleep 0.1; done"


@pytest.fixture
def counter(podman: Podman) -> Iterator[str]:
    """A container whose file /last has a number that grows."""
    container = podman.start("--name=counter", NAME, "sh", "-c", COUNT)
    until(lambda: number(podman, "counter") > 1, "it counts", 30)
    yield container
    podman.call("rm", "--force", "--time=0", "counter")


def number(podman: Podman, name: str) -> int:
    return int(podman.call("exec", name, "cat", "/last").stdout.strip() or 0)


def goes_on(podman: Podman, name: str, before: int) -> None:
    first = until(lambda: number(podman, name), "it has a number", 30)
    assert first >= before
    until(lambda: number(podman, name) > first, "it counts on", 30)


@needs_criu
@pytest.mark.usefixtures("counter")
def test_checkpoint_and_restore(podman: Podman) -> None:
    before = number(podman, "counter")
    podman.expect("container", "checkpoint", "counter")
    assert podman.expect("inspect", "--format={{.State.Status}}", "counter") == "exited"
    podman.expect("container", "restore", "counter")
    goes_on(podman, "counter", before)


@needs_criu
@pytest.mark.usefixtures("counter")
def test_checkpoint_leaves_it_running(podman: Podman) -> None:
    before = number(podman, "counter")
    podman.expect("container", "checkpoint", "--leave-running", "counter")
    goes_on(podman, "counter", before)


@needs_criu
@pytest.mark.usefixtures("counter")
def test_checkpoint_is_exported_and_imported(podman: Podman) -> None:
    before = number(podman, "counter")
    archive = str(podman.folder / "counter.tar.gz")
    podman.expect("container", "checkpoint", f"--export={archive}", "counter")
    podman.expect("rm", "counter")
    podman.expect("container", "restore", f"--import={archive}", "--name=counter")
    goes_on(podman, "counter", before)


@needs_criu
@pytest.mark.usefixtures("counter")
def test_pre_checkpoint(podman: Podman) -> None:
    before = number(podman, "counter")
    podman.expect("container", "checkpoint", "--pre-checkpoint", "counter")
    goes_on(podman, "counter", before)
    podman.expect("container", "checkpoint", "--with-previous", "counter")
    podman.expect("container", "restore", "counter")
    goes_on(podman, "counter", before)


# All that podman lets people write into a volume's options; what it takes itself may be left in config.json.
VOLUMES = {
    "folder": ["-v", "FOLDER:/data"],
    "read-only": ["-v", "FOLDER:/data:ro"],
    "flags": ["-v", "FOLDER:/data:nosuid,nodev,noexec,rslave"],
    "owner": ["-v", "FOLDER:/data:U"],
    "labels": ["-v", "FOLDER:/data:z"],
    "not recursive": ["--mount", "type=bind,source=FOLDER,target=/data,bind-nonrecursive=true"],
    "chown": ["--mount", "type=bind,source=FOLDER,target=/data,chown=true"],
    "volume": ["-v", "one:/data"],
    "copied": ["-v", "two:/data:copy"],
    "not copied": ["-v", "three:/data:nocopy"],
    "exec": ["-v", "four:/data:exec,suid,dev"],
    "tmpfs": ["--tmpfs", "/data"],
    "tmpfs with options": ["--tmpfs", "/data:rw,size=1m,mode=1777,noexec"],
    "tmpfs mount": ["--mount", "type=tmpfs,target=/data,tmpfs-size=1m,tmpfs-mode=755"],
    "no copy up": ["--mount", "type=tmpfs,target=/data,notmpcopyup"],
    "read-only root": ["--read-only", "--tmpfs", "/data"],
    "image": ["--mount", f"type=image,source={NAME},target=/data"],
}


@pytest.mark.parametrize("how", VOLUMES)
def test_volumes(podman: Podman, how: str) -> None:
    folder = podman.folder / "a-volume"
    folder.mkdir(exist_ok=True)
    words = [word.replace("FOLDER", str(folder)) for word in VOLUMES[how]]
    result = podman.call(*podman.run_words("--rm", *words, NAME, "grep", "-c", " /data ", "/proc/self/mountinfo"))
    assert (result.stdout.strip(), result.status) == ("1", 0), result.stderr


class TestDropIn:
    """The file that README has for containers.conf.d."""

    def call(self, podman: Podman, *words: str, without: str = "") -> Result:
        block = (Path(__file__).parents[2] / "README.md").read_text().partition("```toml\n[engine]\n")[2]
        lines = [line for line in block.partition("```")[0].splitlines() if not without or without not in line]
        runtime = next(word for word in podman._options if word.startswith("--runtime=")).partition("=")[2]
        text = "\n".join(lines).replace("/usr/local/bin/pyoci", runtime)
        path = podman.folder / "drop-in.conf"
        path.write_text(f"{CONTAINERS_CONF}{text}\n")
        command = [word for word in podman.command(*words) if not word.startswith("--runtime=")]
        return podman.world.call(*command, env={**podman.env, "CONTAINERS_CONF": str(path)})

    def test_it_names_the_runtime(self, podman: Podman) -> None:
        found = self.call(podman, "info", "--format", "{{.Host.OCIRuntime.Name}}")
        assert (found.status, found.stdout.strip()) == (0, "pyoci"), found.stderr

    def test_without_a_cgroup(self, podman: Podman) -> None:
        words = ("run", "--rm", "--network=none", "--cgroups=disabled", NAME, "echo", "hello")
        result = self.call(podman, *words)
        assert (result.status, result.stdout) == (0, "hello\n"), result.stderr
        refused = self.call(podman, *words, without="nocgroup")
        assert refused.status != 0 and "cgroup" in refused.stderr.lower()

    def test_errors_come_as_json(self, podman: Podman) -> None:
        result = self.call(podman, "run", "--rm", "--network=none", NAME, "/bin/nothing")
        assert result.status == 127
        assert "no such file or directory" in result.stderr and '"level"' not in result.stderr


class TestUlimits:
    """A machine whose hard limits are low and cannot be raised: README, "podman says it cannot set ulimits"."""

    def call(self, podman: Podman, limits: str, *words: str) -> Result:
        """As root without CAP_SYS_RESOURCE, which alone may raise a hard limit; `limits` of containers.conf."""
        path = podman.folder / "limits.conf"
        path.write_text(CONTAINERS_CONF.replace(LIMITS, limits))
        without = [
            "setpriv",
            "--bounding-set=-sys_resource",
            "--inh-caps=-sys_resource",
            "prlimit",
            "--nofile=1000:1000",
        ]
        command = podman.command("run", "--rm", "--network=none", *words, NAME, "sh", "-c", "ulimit -n")
        return podman.world.call(*without, *command, env={**podman.env, "CONTAINERS_CONF": str(path)})

    def test_more_than_the_machine_allows(self, podman: Podman) -> None:
        result = self.call(podman, 'default_ulimits = ["nofile=5000:5000"]')
        assert result.status == 126
        assert "RLIMIT_NOFILE" in result.stderr and "operation not permitted" in result.stderr.lower()
        assert "the caller's own hard limit is lower" in result.stderr

    def test_advice_with_an_option(self, podman: Podman) -> None:
        limits = ["--ulimit", "nofile=1000:1000", "--ulimit", "nproc=4000:4000"]
        result = self.call(podman, 'default_ulimits = ["nofile=5000:5000"]', *limits)
        assert (result.status, result.stdout) == (0, "1000\n"), result.stderr

    def test_advice_with_a_file(self, podman: Podman) -> None:
        result = self.call(podman, "default_ulimits = []")
        assert (result.status, result.stdout) == (0, "1000\n"), result.stderr
