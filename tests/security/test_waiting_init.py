"""A tracer in the same PID namespace looks for init between `create` and the program.

It may take copies of init's sockets, take `start`'s message away, stop init or trace it. What it can reach by that is
its own container alone: every command comes to an end, and the container can be deleted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import TRACER, check, inside, libc
from helpers.runtime import TIME_LIMIT, Container, Runtime, reap, until

SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000
WALL = 0x40000000

pytestmark = pytest.mark.beyond_runc("runc's start waits at a FIFO")


def of_the_runtime() -> list[int]:
    """The processes of the runtime that this PID namespace shows."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{name}/comm").read_text().startswith("pyoci"):
                    found.append(int(name))
    return found


def copies(pid: int) -> list[int]:
    """Copies of every socket that the process holds beside its standard streams."""
    pidfd = check(libc.syscall(SYS_PIDFD_OPEN, pid, 0), "pidfd_open")
    try:
        taken = (libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0) for fd in range(3, 40))
        return [fd for fd in taken if fd >= 0 and stat.S_ISSOCK(os.fstat(fd).st_mode)]
    finally:
        os.close(pidfd)


def hold(what: Callable[[], object]) -> int:
    """Does `what`, tells the host, and goes on holding it until the host is done."""
    kept = what()
    Path("/tmp/ready").touch()
    while not os.path.exists("/tmp/done"):
        time.sleep(0.01)
    return 1 if kept else 0


def take_sockets() -> object:
    return [fd for pid in of_the_runtime() for fd in copies(pid)]


def take_the_message() -> object:
    """Whoever receives first has it: init is held until then, and waits for another one for ever after."""
    (init,) = of_the_runtime()
    taken = copies(init)
    seize(init)
    check(os.waitpid(init, WALL)[0], "waitpid")
    Path("/tmp/ready").touch()
    (start,) = (socket.socket(fileno=fd) for fd in taken)
    start.setblocking(True)
    message = socket.recv_fds(start, 64, 4)
    check(libc.ptrace(PTRACE_DETACH, init, 0, 0), "PTRACE_DETACH")
    return (start, *message[1])


def stop() -> object:
    (init,) = of_the_runtime()
    seize(init)
    return init


def answer_in_its_place() -> object:
    """Sends words of its own to whoever starts the container."""
    (init,) = of_the_runtime()
    seize(init)
    check(os.waitpid(init, WALL)[0], "waitpid")
    (start,) = (socket.socket(fileno=fd) for fd in copies(init))
    Path("/tmp/ready").touch()
    start.setblocking(True)
    (fd,) = socket.recv_fds(start, 64, 4)[1]
    starter = socket.socket(fileno=fd)
    starter.send(b"ERROR executable " + b"\x1b[31mA" * 9000)
    return starter


def seize(pid: int) -> None:
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        check(libc.ptrace(request, pid, 0, 0), "ptrace")


def trace_all_that_enter() -> object:
    """Stops each as a tracer, and never takes notice of its death: a zombie that its parent does not get."""
    Path("/tmp/ready").touch()
    traced: set[int] = set()
    while not os.path.exists("/tmp/done"):
        last = int(Path("/proc/loadavg").read_text().split()[-1])
        for pid in {last, last + 1, last + 2} - traced - {os.getpid()}:
            with contextlib.suppress(OSError):
                if is_of_the_runtime(pid):
                    seize(pid)
                    traced.add(pid)
                    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | WALL)
                    if not is_of_the_runtime(pid):  # the program, meanwhile: how long it runs is the container's affair
                        libc.ptrace(PTRACE_DETACH, pid, 0, 0)
    return traced


def is_of_the_runtime(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().startswith("pyoci")


def trace_and_kill_the_program() -> object:
    Path("/tmp/ready").touch()
    while True:
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if name.isdigit() and b"77" in Path(f"/proc/{name}/cmdline").read_bytes():
                    check(libc.ptrace(PTRACE_SEIZE, int(name), 0, 0), "ptrace")
                    os.kill(int(name), signal.SIGKILL)
                    return name


@contextlib.contextmanager
def attacker(container: Container, what: Callable[[], object]) -> Iterator[None]:
    """Goes on beside the test, in the namespaces of the container."""
    tmp = container.bundle.rootfs / "tmp"
    tmp.chmod(0o777)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if inside(container.pid, lambda: hold(what), TRACER) == 1 else 2
        finally:
            os._exit(status)
    try:
        until((tmp / "ready").exists, "the attacker is ready")
        yield
    finally:
        (tmp / "done").touch()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    reap()  # zombies that the tracer kept are adopted by us now, and a PID namespace waits for its last
    assert status == 0, "the attack itself failed"


@pytest.fixture
def pod(runtime: Runtime, bundle: Bundle) -> Container:
    """The container that the attacker is in, and whose PID namespace another one joins."""
    bundle.sleeps()
    return runtime.start(bundle)


@pytest.fixture
def second(pod: Container, new_bundle: Callable[[], Bundle]) -> Bundle:
    made = new_bundle()
    made.namespace("pid", f"/proc/{pod.pid}/ns/pid")
    made.bind(pod.bundle.rootfs / "tmp", "/tmp")
    made.sleeps()
    return made


@pytest.fixture
def created(runtime: Runtime, second: Bundle) -> Container:
    return runtime.create(second)


def test_the_sockets_are_kept(runtime: Runtime, pod: Container, created: Container) -> None:
    with attacker(pod, take_sockets):
        runtime.expect("start", created.id)
        assert created.status == "running"
        runtime.expect("delete", "--force", created.id)


@pytest.mark.parametrize("name", ["", "pyoci:init"])
def test_the_socket_of_start_is_kept_while_a_hook_runs(
    runtime: Runtime, pod: Container, second: Bundle, name: str
) -> None:
    """The program has begun, and `start` sees no end of file. Its name is the program's own choice."""
    if name:
        second.process["args"] = ["/bin/sh", "-c", f"printf {name} >/proc/self/comm; while :; do sleep 0.1; done"]
    second.hook("startContainer", "while ! test -e /tmp/taken; do sleep 0.01; done")
    created = runtime.create(second)

    def take_when_it_starts() -> object:
        Path("/tmp/ready").touch()
        while True:
            taken = [socket.socket(fileno=fd) for pid in of_the_runtime() for fd in copies(pid)]
            if any(one.type == socket.SOCK_SEQPACKET for one in taken):
                break
        Path("/tmp/taken").touch()
        return taken

    with attacker(pod, take_when_it_starts):
        runtime.expect("start", created.id)
        assert created.status == "running"
        runtime.expect("delete", "--force", created.id)


def test_the_message_is_taken_away(runtime: Runtime, pod: Container, created: Container) -> None:
    with attacker(pod, take_the_message):
        words = runtime.fails("start", created.id)
        assert "waits for start still" in words
        runtime.expect("delete", "--force", created.id)


def test_the_message_is_taken_away_while_deleting(runtime: Runtime, pod: Container, created: Container) -> None:
    """`delete --force` waits for whoever has the entry's lock."""
    with attacker(pod, take_the_message):
        starting = runtime.quietly("start", created.id)
        time.sleep(2)
        runtime.expect("delete", "--force", created.id)
        starting.wait(TIME_LIMIT)


def test_init_is_traced(runtime: Runtime, pod: Container, created: Container) -> None:
    with attacker(pod, stop):
        assert "stopped" in runtime.fails("start", created.id)
        runtime.expect("delete", "--force", created.id)


def test_its_words(runtime: Runtime, pod: Container, created: Container) -> None:
    with attacker(pod, answer_in_its_place):
        words = runtime.fails("start", created.id)
        assert "\x1b" not in words
        assert len(words) < 4000


def test_a_tracer_keeps_what_enters(runtime: Runtime, pod: Container) -> None:
    """exec kills it in the end, and cannot wait for it: the kernel tells the parent of the death after the tracer."""
    with attacker(pod, trace_all_that_enter):
        answers = (runtime.call("exec", pod.id, "/bin/true") for _ in range(40))  # not each one is caught
        caught = next(answer for answer in answers if answer.status)
    assert "the container keeps stopping the process that enters it" in caught.stderr
    runtime.expect("delete", "--force", pod.id)


def test_a_tracer_keeps_the_end_of_the_program(runtime: Runtime, pod: Container) -> None:
    with attacker(pod, trace_and_kill_the_program):
        assert runtime.call("exec", pod.id, "/bin/sleep", "77").status == 137


def test_a_tracer_keeps_the_end_of_the_container(runtime: Runtime, pod: Container, second: Bundle) -> None:
    second.process["args"] = ["/bin/sleep", "77"]
    with attacker(pod, trace_and_kill_the_program):
        assert runtime.run(second).status == 137
