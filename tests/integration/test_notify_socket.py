"""NOTIFY_SOCKET: sd_notify(3) between the container's program and the service manager that called the runtime."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import late_signal
from helpers.bundle import Bundle
from helpers.hostile import USUAL, check, error_of, inside, libc
from helpers.runtime import TIME_LIMIT, Container, Runtime, sleeps, until
from helpers.sandbox import MARK

INSIDE = "/run/notify/notify.sock"
MS_REMOUNT, MS_BIND = 1 << 5, 1 << 12


class Manager:
    """The service manager's end: what systemd listens on for one service."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "NOTIFY_SOCKET": self.address}

    def receive(self, limit: float = TIME_LIMIT) -> list[str]:
        """The lines of the next message; what came with it is closed, which is the answer to BARRIER=1."""
        self._socket.settimeout(limit)
        data, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 4)
        lines = data.decode().splitlines()
        assert bool(descriptors) == (lines == ["BARRIER=1"])
        for fd in descriptors:
            os.close(fd)
        return lines

    def fill(self) -> None:
        """Until its queue (net.unix.max_dgram_qlen; with systemd 512) takes no more: whoever sends then waits."""
        while self._takes_more():
            pass

    def _takes_more(self) -> bool:
        """Fill what one client may have under way."""
        sent = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.connect(self.address)
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    client.send(b"STATUS=full")
                    sent += 1
        return sent > 0

    def silent(self) -> bool:
        try:
            self.receive(0.2)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(scratch: Path) -> Iterator[Manager]:
    made = Manager(str(scratch / "manager.sock"))
    yield made
    made.close()


def notify(pid: int, text: str) -> None:
    """What the container's program does with sd_notify(3), by the path that it was told."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    client.connect(f"/proc/{pid}/root{INSIDE}")
    client.send(text.encode())
    client.close()


def background(runtime: Runtime, manager: Manager, *words: str) -> subprocess.Popen[bytes]:
    null = subprocess.DEVNULL
    return runtime.popen(*words, env=manager.env, stdin=null, stdout=null, stderr=null)


def running(runtime: Runtime, name: str) -> int:
    """The process number of a container that another command is starting."""

    def pid() -> int:
        state = runtime.call("state", name)
        return runtime.state(name)["pid"] if state.status == 0 and '"running"' in state.stdout else 0

    number: int = until(pid, "the container runs")
    return number


def test_the_container_is_told(runtime: Runtime, bundle: Bundle, manager: Manager) -> None:
    script = "echo $NOTIFY_SOCKET; test -S $NOTIFY_SOCKET; stat -c %a $NOTIFY_SOCKET"
    assert runtime.sh(bundle, script, env=manager.env).split() == [INSIDE, "777"]


def test_without_a_service_manager_it_is_not_told(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "echo ${NOTIFY_SOCKET-none}; ls -d /run/notify || true") == "none"


def test_one_of_the_config_gives_way(runtime: Runtime, bundle: Bundle, manager: Manager) -> None:
    bundle.process["env"] = ["NOTIFY_SOCKET=/of/the/config", *bundle.process["env"]]
    assert runtime.sh(bundle, "env | grep NOTIFY", env=manager.env) == f"NOTIFY_SOCKET={INSIDE}"


def test_a_program_in_the_foreground_is_ready(runtime: Runtime, bundle: Bundle, manager: Manager) -> None:
    """The runtime stays the service's main process: it has still to clean up."""
    bundle.sleeps()
    name = runtime.add(bundle)
    command = background(runtime, manager, "run", "--bundle", str(bundle.path), name)
    notify(running(runtime, name), "STATUS=warm\nREADY=1\n")
    assert manager.receive() == ["READY=1"]
    runtime.expect("kill", name, "KILL")
    assert command.wait(TIME_LIMIT) == 137
    assert manager.silent()


def test_run_detached_ends_when_the_program_is_ready(runtime: Runtime, bundle: Bundle, manager: Manager) -> None:
    bundle.sleeps()
    name = runtime.add(bundle)
    command = background(runtime, manager, "run", "--detach", "--bundle", str(bundle.path), name)
    pid = running(runtime, name)
    assert command.poll() is None
    notify(pid, "READY=1")
    assert manager.receive() == ["READY=1", f"MAINPID={pid}"]
    assert manager.receive() == ["BARRIER=1"]
    assert command.wait(TIME_LIMIT) == 0
    assert runtime.state(name)["status"] == "running"


@pytest.fixture
def created(runtime: Runtime, bundle: Bundle, manager: Manager) -> Container:
    bundle.sleeps()
    return runtime.create(bundle, env=manager.env)


def starting(runtime: Runtime, manager: Manager, container: Container) -> subprocess.Popen[bytes]:
    """`start`, once the program runs: the command waits for it."""
    command = background(runtime, manager, "start", container.id)
    running(runtime, container.id)
    return command


def is_told(manager: Manager, container: Container, command: subprocess.Popen[bytes]) -> None:
    """The container's process is the service's from now on; then the command ends."""
    assert manager.receive() == ["READY=1", f"MAINPID={container.pid}"]
    assert manager.receive() == ["BARRIER=1"]
    assert command.wait(TIME_LIMIT) == 0


def test_create_does_not_wait(created: Container, manager: Manager) -> None:
    assert created.status == "created"
    assert manager.silent()


def test_start_ends_when_the_program_is_ready(runtime: Runtime, created: Container, manager: Manager) -> None:
    command = starting(runtime, manager, created)
    notify(created.pid, "STATUS=not yet")
    with pytest.raises(subprocess.TimeoutExpired):
        command.wait(0.2)
    notify(created.pid, "READY=1")
    is_told(manager, created, command)


def test_others_need_not_wait_with_start(runtime: Runtime, created: Container, manager: Manager) -> None:
    command = starting(runtime, manager, created)
    runtime.expect("delete", "--force", created.id)
    assert command.wait(TIME_LIMIT) == 0


def test_start_ends_with_a_program_that_never_is_ready(runtime: Runtime, created: Container, manager: Manager) -> None:
    command = starting(runtime, manager, created)
    created.kill("KILL")
    assert command.wait(TIME_LIMIT) == 0
    assert manager.silent()


def test_a_container_made_without_one_starts(runtime: Runtime, bundle: Bundle, manager: Manager) -> None:
    bundle.sleeps()
    container = runtime.create(bundle)
    runtime.expect("start", container.id, env=manager.env)
    assert container.status == "running"


def test_a_container_started_without_one(created: Container) -> None:
    """Nobody listens, so nobody is told and nobody waits."""
    assert created.start().status == "running"


@pytest.mark.parametrize("text", ["STATUS=fine", "MAINPID=1", "FDSTORE=1", "XREADY=1", "READY=0", "x" * 9000, ""])
def test_nothing_else_reaches_the_manager(runtime: Runtime, created: Container, manager: Manager, text: str) -> None:
    command = starting(runtime, manager, created)
    notify(created.pid, text)
    assert manager.silent()
    assert command.poll() is None
    notify(created.pid, f"{text[:100]}\nREADY=1")
    is_told(manager, created, command)


def test_descriptors_of_the_container_are_not_taken(runtime: Runtime, created: Container, manager: Manager) -> None:
    command = starting(runtime, manager, created)
    before = len(os.listdir(f"/proc/{command.pid}/fd"))
    client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    client.connect(f"/proc/{created.pid}/root{INSIDE}")
    for _ in range(5):
        socket.send_fds(client, [b"FDSTORE=1"], [0, 1, 2])
    client.close()
    time.sleep(0.1)
    assert len(os.listdir(f"/proc/{command.pid}/fd")) == before
    notify(created.pid, "READY=1")
    manager.receive()
    manager.receive()
    assert command.wait(TIME_LIMIT) == 0


@pytest.mark.parametrize("user", [False, True])
def test_an_ordinary_user_of_the_container_reaches_it(
    runtime: Runtime, bundle: Bundle, manager: Manager, user: bool
) -> None:
    bundle.sleeps()
    if user:
        bundle.user_namespace()
    name = runtime.add(bundle)
    command = background(runtime, manager, "run", "--detach", "--bundle", str(bundle.path), name)
    pid = running(runtime, name)

    def tell() -> None:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        client.connect(INSIDE)
        client.send(b"READY=1")

    assert inside(pid, lambda: error_of(tell), USUAL, uid=1000) == 0
    assert manager.receive() == ["READY=1", f"MAINPID={pid}"]
    manager.receive()
    assert command.wait(TIME_LIMIT) == 0


def test_the_container_cannot_put_another_in_its_place(runtime: Runtime, created: Container, manager: Manager) -> None:
    command = starting(runtime, manager, created)
    assert inside(created.pid, lambda: error_of(lambda: os.unlink(INSIDE)), USUAL) != 0
    assert created.mounts()["/run/notify"].options >= {"ro", "nosuid", "nodev", "noexec"}
    created.kill("KILL")
    assert command.wait(TIME_LIMIT) == 0


def test_whatever_the_container_leaves_in_the_folder_is_deleted(runtime: Runtime, created: Container) -> None:
    """With CAP_SYS_ADMIN it can mount the folder read-write."""

    def fill() -> None:
        check(libc.mount(None, b"/run/notify", None, MS_REMOUNT | MS_BIND, None), "mount")
        os.makedirs("/run/notify/a/b")
        os.symlink("/", "/run/notify/link")
        os.mkfifo("/run/notify/a/fifo")

    created.start()
    assert inside(created.pid, lambda: error_of(fill)) == 0
    created.delete("--force")
    assert not (runtime.root / created.id).exists()


def test_an_abstract_address(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    manager = Manager(f"@pyoci-test-{os.getpid()}-{scratch.name}")
    bundle.sleeps()
    container = runtime.create(bundle, env=manager.env)
    command = background(runtime, manager, "start", container.id)
    running(runtime, container.id)
    notify(container.pid, "READY=1")
    assert manager.receive()[0] == "READY=1"
    manager.receive()
    assert command.wait(TIME_LIMIT) == 0
    manager.close()


UNREACHABLE = ["/nobody/listens", "vsock:2:1", "relative", "@", "@nobody-listens", "/" + "x" * 200]


@pytest.mark.parametrize("address", UNREACHABLE)
def test_a_manager_that_cannot_be_reached_is_said_and_not_waited_for(
    runtime: Runtime, bundle: Bundle, address: str
) -> None:
    """A variable of a service that has ended; the program never says that it is ready."""
    bundle.sleeps()
    env = {**os.environ, "NOTIFY_SOCKET": address}
    container = runtime.create(bundle, env=env)
    assert f"NOTIFY_SOCKET={address[:20]}" in runtime.expect("start", container.id, env=env).stderr
    assert container.status == "running"


def test_a_manager_that_has_ended_meanwhile_is_said(runtime: Runtime, created: Container, manager: Manager) -> None:
    said = created.bundle.path / "said"
    with open(said, "wb") as stderr:
        command = runtime.popen("start", created.id, env=manager.env, stdin=subprocess.DEVNULL, stderr=stderr)
    running(runtime, created.id)
    manager.close()
    notify(created.pid, "READY=1")
    assert command.wait(TIME_LIMIT) == 0
    assert manager.address in said.read_text()


def test_a_manager_that_does_not_answer_holds_nobody_up(runtime: Runtime, created: Container, manager: Manager) -> None:
    command = starting(runtime, manager, created)
    notify(created.pid, "READY=1")
    assert command.wait(TIME_LIMIT) == 0


@pytest.mark.parametrize("command", [("start",), ("run", "--detach"), ("run",)], ids=" ".join)
def test_a_manager_whose_queue_is_full_holds_nobody_up(
    runtime: Runtime, bundle: Bundle, manager: Manager, scratch: Path, command: tuple[str, ...]
) -> None:
    """It is stopped, and reads nothing."""
    manager.fill()
    bundle.sh("trap 'exit 7' TERM; while :; do sleep 0.02; done")
    if command == ("start",):
        name = runtime.create(bundle, env=manager.env).id
        words: tuple[str, ...] = (name,)
    else:
        name = runtime.add(bundle)
        words = ("--bundle", str(bundle.path), name)
    said = scratch / "said"
    with open(said, "wb") as stderr:
        null = subprocess.DEVNULL
        process = runtime.popen(*command, *words, env=manager.env, stdin=null, stdout=null, stderr=stderr)
    notify(running(runtime, name), "READY=1")
    if command == ("run",):
        time.sleep(0.5)
        process.terminate()  # it hears while it waits for the manager
        assert process.wait(TIME_LIMIT) == 7
    else:
        assert process.wait(TIME_LIMIT) == 0
        assert runtime.state(name)["status"] == "running"
    assert "pass READY=1 on to NOTIFY_SOCKET=" in said.read_text()


def test_what_a_killed_start_left_is_no_obstacle(runtime: Runtime, created: Container, manager: Manager) -> None:
    (Path(runtime.root) / created.id / "notify" / "notify.sock").touch()
    command = starting(runtime, manager, created)
    notify(created.pid, "READY=1")
    assert manager.receive()[0] == "READY=1"
    assert manager.receive() == ["BARRIER=1"]
    assert command.wait(TIME_LIMIT) == 0


def test_the_host_is_not_mounted_upon(runtime: Runtime, bundle: Bundle, manager: Manager) -> None:
    """Without a mount namespace of its own the container would leave the mount behind."""
    bundle.no_namespace("mount")
    bundle.config["mounts"] = []
    assert runtime.sh(bundle, "echo ${NOTIFY_SOCKET-none}", env=manager.env) == "none"
    assert not (bundle.rootfs / "run").exists()


class Service:
    """A service of Type=notify whose program is the runtime, in the mount namespace of the tests."""

    def __init__(self, name: str) -> None:
        self.unit = f"{name}.service"

    def begin(self, command: list[str]) -> None:
        properties = ["--service-type=notify", "--property=NotifyAccess=all", f"--unit={self.unit}", "--no-block"]
        there = ["nsenter", f"--mount=/proc/{os.getpid()}/ns/mnt"]
        subprocess.run(["systemd-run", "--quiet", *properties, *there, *command], check=True)

    def show(self, name: str) -> str:
        command = ["systemctl", "show", "--property", name, "--value", self.unit]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def service(bundle: Bundle) -> Iterator[Service]:
    made = Service(f"{MARK}-{bundle.path.parent.name}")
    yield made
    for command in (["kill", "--signal=KILL"], ["stop"], ["reset-failed"]):
        subprocess.run(["systemctl", *command, made.unit], capture_output=True)


@pytest.mark.skipif(not os.path.isdir("/run/systemd/system"), reason="this system is not run by systemd")
@pytest.mark.parametrize("detach", [True, False])
def test_a_service_of_systemd(runtime: Runtime, bundle: Bundle, service: Service, detach: bool) -> None:
    bundle.sleeps()
    name = runtime.add(bundle)
    service.begin(runtime.arguments("run", *["--detach"][: int(detach)], "--bundle", str(bundle.path), name))
    pid = running(runtime, name)
    assert service.show("ActiveState") == "activating"
    notify(pid, "READY=1")
    until(lambda: service.show("ActiveState") == "active", "the service is active")
    assert (int(service.show("MainPID")) == pid) == detach
    assert service.show("ActiveState") == "active"


@pytest.mark.skipif(not late_signal.IS_POSSIBLE, reason="knows the registers of x86_64")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_right_before_the_wait_ends_it(
    runtime: Runtime, bundle: Bundle, manager: Manager, number: signal.Signals
) -> None:
    """Python calls its handler after the call in which `start` waits for a program that never is ready."""
    bundle.sleeps()
    created = runtime.create(bundle, env=manager.env)
    null = subprocess.DEVNULL
    words = runtime.arguments("start", created.id)
    process = subprocess.Popen(words, env=manager.env, stdin=null, stdout=null, stderr=null)
    running(runtime, created.id)
    until(lambda: sleeps(process.pid), "it waits")
    time.sleep(0.5)
    late_signal.send_before_the_call(process.pid, number)
    assert process.wait(TIME_LIMIT / 4) in (-number, 128 + number)
