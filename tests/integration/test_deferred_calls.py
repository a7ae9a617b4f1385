"""The last system calls of a process that pyoci set up: made by C, after `start` has come."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime, until

from pyoci.errors import ExecutableError, PyociError
from pyoci.kernel import deferred
from pyoci.kernel.deferred import Call
from pyoci.wire import messages

NAME = Call(name="prctl", arguments=(15, b"ending\0", 0, 0, 0), words="set name")  # PR_SET_NAME


def end(calls: list[Call], out: Path = Path("/dev/null")) -> tuple[str, int]:
    """What a child that makes these calls reports, and its exit status; `out` is its standard output."""
    ours, theirs = messages.pair()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT, 0o600), 1)
        deferred.end(calls, theirs.fd)
    theirs.close()
    try:
        words = ours.receive()[0]
    except PyociError as error:
        words = f"{type(error).__name__} {error}"
    ours.close()
    return words, outcome(pid)


def outcome(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_program_gets_its_arguments_and_environment(tmp_path: Path) -> None:
    words = ["sh", "-c", 'printf "%s|" "$0" "$@"; env', "zero", "", "b c", "é", "\udcff"]
    assert end([NAME, deferred.execve("/bin/sh", words, ["A=1", "A=2", "B="])], tmp_path / "out") == ("", 0)
    printed = (tmp_path / "out").read_bytes()
    assert printed.startswith("zero||b c|é|".encode() + b"\xff|")
    assert b"B=\n" in printed


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_however_many_words(tmp_path: Path, count: int) -> None:
    words = ["sh", "-c", "echo $#", "sh", *(f"word {number}" for number in range(count))]
    assert end([deferred.execve("/bin/sh", words, [])], tmp_path / "out") == ("", 0)
    assert (tmp_path / "out").read_text() == f"{count}\n"


def test_a_call_that_fails_is_told_and_the_rest_left_out() -> None:
    calls = [Call(name="close", arguments=(12345,), words="close 12345"), deferred.execve("/bin/true", ["true"], [])]
    assert end(calls) == ("ContainerError close 12345: bad file descriptor (EBADF)", 1)


@pytest.mark.parametrize(
    ("path", "words"), [("/no/where", "no such file or directory"), ("/etc/passwd", "permission denied")]
)
def test_a_program_that_cannot_be_executed(path: str, words: str) -> None:
    assert end([deferred.execve(path, ["x"], [])]) == (f"ExecutableError exec {path}: {words}", 1)


class Waiting:
    """A child that waits for `start`."""

    def __init__(self, path: str) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.pid = os.fork()
        if self.pid == 0:
            self.socket.close()
            deferred.end_after_start([deferred.execve(path, [path], [])], theirs.fileno())
        theirs.close()

    def start(self) -> messages.Channel:
        ours, theirs = messages.pair()
        socket.send_fds(self.socket, [b"START"], [theirs.fd])
        theirs.close()
        return ours

    def starts(self) -> None:
        """It still can be started."""
        channel = self.start()
        assert channel.receive()[0] == ""
        channel.close()
        assert outcome(self.pid) == 0


@pytest.fixture
def wait() -> Iterator[Callable[..., Waiting]]:
    made = []

    def begin(path: str = "/bin/true") -> Waiting:
        made.append(Waiting(path))
        return made[-1]

    yield begin
    for waiting in made:
        waiting.socket.close()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(waiting.pid, signal.SIGKILL)
            os.waitpid(waiting.pid, 0)


def test_start_is_waited_for(wait: Callable[..., Waiting]) -> None:
    waiting = wait()
    assert os.waitpid(waiting.pid, os.WNOHANG) == (0, 0)
    waiting.starts()


def test_a_failure_after_start_is_told_to_start(wait: Callable[..., Waiting]) -> None:
    waiting = wait("/no/where")
    channel = waiting.start()
    with pytest.raises(ExecutableError, match="no such file"):
        channel.receive()
    channel.close()
    assert outcome(waiting.pid) == 1


HOSTILE: list[tuple[bytes, int]] = [
    (b"START", 0), (b"START", 2), (b"START", 30), (b"", 1), (b"STAR", 1), (b"START ", 1), (b"x" * 5000, 1), (b"x", 0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "count"), HOSTILE)
def test_any_other_message_is_ignored_and_what_came_with_it_closed(
    wait: Callable[..., Waiting], text: bytes, count: int
) -> None:
    waiting = wait()
    reader, writer = os.pipe()
    socket.send_fds(waiting.socket, [text], [writer] * count)
    os.close(writer)
    assert select.select([reader], [], [], 5)[0], "a copy of the descriptor is still open"
    os.close(reader)
    waiting.starts()


def test_a_descriptor_that_is_no_socket_is_no_start(wait: Callable[..., Waiting]) -> None:
    waiting = wait()
    with open("/dev/null") as null:
        socket.send_fds(waiting.socket, [b"START"], [null.fileno()])
    waiting.starts()


@pytest.mark.parametrize("kind", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_the_limits_of_the_program_may_be_lower_than_what_init_has(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.process["rlimits"] = [{"type": kind, "soft": 4 << 20, "hard": 4 << 20}]
    bundle.process["args"] = ["/bin/echo", "ran"]
    assert runtime.create(bundle).exits() == "ran"


@pytest.mark.parametrize("kind", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_exec_with_limits_lower_than_what_the_runtime_has(
    runtime: Runtime, bundle: Bundle, tmp_path: Path, kind: str
) -> None:
    bundle.sleeps()
    container = runtime.create(bundle).start()
    process = {**bundle.process, "args": ["/bin/echo", "ran"]}
    process["rlimits"] = [{"type": kind, "soft": 4 << 20, "hard": 4 << 20}]
    (tmp_path / "process.json").write_text(json.dumps(process))
    ran = runtime.call("exec", "--process", str(tmp_path / "process.json"), container.id)
    assert (ran.stdout, ran.status) == ("ran\n", 0), ran.stderr


@pytest.mark.beyond_runc("runc's init keeps 1.8 MB")
def test_what_a_created_container_holds(runtime: Runtime, bundle: Bundle) -> None:
    """Once init has let go of its memory, for which `create` does not wait."""
    container = runtime.create(bundle)

    def anonymous() -> int:
        (size,) = re.findall(r"Anonymous: *(\d+) kB", container.proc("smaps_rollup"))
        return int(size)

    until(lambda: anonymous() < 800, "init holds less than 800 kB")
    container.exits()
