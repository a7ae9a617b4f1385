"""config.md, Process: terminal; command-line-interface.md, console socket."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Container, Runtime
from helpers.terminal import ConsoleSocket, read_all


@pytest.fixture
def console(scratch: Path) -> Iterator[ConsoleSocket]:
    socket = ConsoleSocket(scratch / "console.sock")
    yield socket
    socket.close()


def create(runtime: Runtime, bundle: Bundle, console: ConsoleSocket) -> tuple[Container, int]:
    """The container, and the master side of its terminal."""
    bundle.process["terminal"] = True
    container = runtime.create(bundle, "--console-socket", str(console.path))
    _, (master, *_) = console.receive()
    return container, master


def output(runtime: Runtime, bundle: Bundle, console: ConsoleSocket, script: str) -> bytes:
    bundle.sh(script)
    container, master = create(runtime, bundle, console)
    container.start()
    text = read_all(master)
    os.close(master)
    assert container.wait() == 0, text
    return text.replace(b"\r\n", b"\n").strip()


def test_the_master_is_sent_over_the_socket(runtime: Runtime, bundle: Bundle, console: ConsoleSocket) -> None:
    bundle.process["terminal"] = True
    runtime.create(bundle, "--console-socket", str(console.path))
    _, descriptors = console.receive()
    assert len(descriptors) == 1
    assert os.isatty(descriptors[0])
    os.close(descriptors[0])


def test_the_three_streams_are_one_terminal(runtime: Runtime, bundle: Bundle, console: ConsoleSocket) -> None:
    words = output(runtime, bundle, console, "for n in 0 1 2; do readlink /proc/1/fd/$n; done").split()
    assert len(words) == 3
    assert len(set(words)) == 1
    assert words[0] in (b"/dev/pts/0", b"/dev/console")


def test_it_is_of_the_containers_devpts(runtime: Runtime, bundle: Bundle, console: ConsoleSocket) -> None:
    assert output(runtime, bundle, console, "ls /dev/pts").split() == [b"0", b"ptmx"]


def test_it_is_the_controlling_terminal(runtime: Runtime, bundle: Bundle, console: ConsoleSocket) -> None:
    assert output(runtime, bundle, console, "echo through > /dev/tty") == b"through"


def test_the_process_leads_a_session(runtime: Runtime, bundle: Bundle, console: ConsoleSocket) -> None:
    # Fields of proc(5) after the name: state, ppid, pgrp, session, tty_nr, tpgid.
    fields = output(runtime, bundle, console, "cut -d' ' -f5-8 /proc/1/stat").split()
    assert fields[0] == fields[1] == b"1"
    assert fields[2] != b"0"


def test_console_is_that_terminal(runtime: Runtime, bundle: Bundle, console: ConsoleSocket) -> None:
    script = "stat -c %t:%T /dev/console; stat -c %t:%T /dev/pts/0; echo to > /dev/console"
    first, second, third = output(runtime, bundle, console, script).split()
    assert (first, third) == (second, b"to")


def test_input_arrives(runtime: Runtime, bundle: Bundle, console: ConsoleSocket) -> None:
    bundle.sh("stty -echo; echo ready; read line; echo got $line")
    container, master = create(runtime, bundle, console)
    container.start()
    read_all(master, expect=b"ready")
    os.write(master, b"hello\n")
    assert b"got hello" in read_all(master, expect=b"got hello")
    os.close(master)
    container.wait()


def test_it_belongs_to_the_user(runtime: Runtime, bundle: Bundle, console: ConsoleSocket) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    assert output(runtime, bundle, console, "stat -c %u /dev/pts/0; echo > /dev/tty").split()[0] == b"1000"


@pytest.mark.parametrize("users", ["same", "mapped"])
def test_a_closed_terminal_hangs_up(runtime: Runtime, bundle: Bundle, console: ConsoleSocket, users: str) -> None:
    if users == "mapped":
        bundle.user_namespace()
    bundle.sh("trap 'exit 7' HUP; echo ready; while :; do sleep 0.02; done")
    container, master = create(runtime, bundle, console)
    container.start()
    read_all(master, expect=b"ready")
    os.close(master)
    assert container.wait() == 7


def test_create_without_a_console_socket_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["terminal"] = True
    assert "console" in runtime.refuses(bundle)


def test_a_console_socket_without_a_terminal_is_refused(
    runtime: Runtime, bundle: Bundle, console: ConsoleSocket
) -> None:
    runtime.refuses(bundle, "--console-socket", str(console.path))


def test_a_console_socket_that_nobody_listens_on_is_refused(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.process["terminal"] = True
    assert "nobody" in runtime.refuses(bundle, "--console-socket", str(scratch / "nobody.sock"))


class TestForeground:
    """`run` on a person's terminal: the runtime relays."""

    @pytest.fixture
    def outer(self) -> Iterator[tuple[int, int]]:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
        yield master, slave
        os.close(master)
        os.close(slave)

    def run(self, runtime: Runtime, bundle: Bundle, outer: tuple[int, int], feed: bytes = b"") -> tuple[bytes, int]:
        master, slave = outer
        bundle.process["terminal"] = True
        name = runtime.add(bundle)
        process = runtime.popen(
            "run", "--bundle", str(bundle.path), name, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        got = read_all(master, expect=b"ready")
        os.write(master, feed)
        status = process.wait(TIME_LIMIT)
        return got + read_all(master, limit=0.3), status

    def test_output_is_not_altered(self, runtime: Runtime, bundle: Bundle, outer: tuple[int, int]) -> None:
        modes = termios.tcgetattr(outer[1])
        modes[1] &= ~termios.ONLCR
        termios.tcsetattr(outer[1], termios.TCSANOW, modes)
        bundle.sh("echo one; echo two; echo ready")
        assert self.run(runtime, bundle, outer) == (b"one\ntwo\nready\n", 0)

    def test_lines_end_as_the_outer_terminal_has_it(
        self, runtime: Runtime, bundle: Bundle, outer: tuple[int, int]
    ) -> None:
        bundle.sh("echo one; echo ready")
        assert self.run(runtime, bundle, outer) == (b"one\r\nready\r\n", 0)

    def test_input_arrives(self, runtime: Runtime, bundle: Bundle, outer: tuple[int, int]) -> None:
        bundle.sh("echo ready; read line; echo got $line")
        got, status = self.run(runtime, bundle, outer, b"hello\n")
        assert b"got hello" in got
        assert status == 0

    def test_control_c_reaches_the_container(self, runtime: Runtime, bundle: Bundle, outer: tuple[int, int]) -> None:
        bundle.sh("trap 'exit 9' INT; echo ready; while :; do sleep 0.02; done")
        assert self.run(runtime, bundle, outer, b"\x03")[1] == 9

    def test_the_terminal_is_restored(self, runtime: Runtime, bundle: Bundle, outer: tuple[int, int]) -> None:
        before = termios.tcgetattr(outer[1])
        bundle.sh("echo ready")
        self.run(runtime, bundle, outer)
        assert termios.tcgetattr(outer[1]) == before

    def test_the_size_is_taken_over(self, runtime: Runtime, bundle: Bundle, outer: tuple[int, int]) -> None:
        bundle.sh("sleep 0.2; stty size; echo ready")
        assert self.run(runtime, bundle, outer)[0].split()[:2] == [b"33", b"99"]

    def test_a_new_size_is_passed_on(self, runtime: Runtime, bundle: Bundle, outer: tuple[int, int]) -> None:
        master, slave = outer
        bundle.process["terminal"] = True
        bundle.sh("trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.02; done")
        name = runtime.add(bundle)
        process = runtime.popen(
            "run",
            "--bundle",
            str(bundle.path),
            name,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        read_all(master, expect=b"ready")
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 111, 0, 0))
        assert b"44 111" in read_all(master, expect=b"44 111")
        assert process.wait(TIME_LIMIT) == 5

    @pytest.mark.parametrize("command", ["run", "exec"])
    def test_a_terminal_that_is_gone_keeps_no_status_and_no_container_back(
        self, runtime: Runtime, bundle: Bundle, command: str
    ) -> None:
        """A window that is closed, a connection that breaks: every call on the terminal is EIO from then on."""
        script = "trap 'exit 7' HUP; echo ready; while :; do sleep 0.02; done"
        master, slave = pty.openpty()
        bundle.process["terminal"] = command == "run"
        bundle.sh(script)
        if command == "run":
            name = runtime.add(bundle)
            words = ["run", "--bundle", str(bundle.path), name]
        else:
            bundle.sleeps()
            name = runtime.create(bundle).id
            words = ["exec", "--tty", name, "/bin/sh", "-ec", script]
        process = runtime.popen(
            *words,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        read_all(master, expect=b"ready")
        os.close(master)
        assert process.wait(TIME_LIMIT) == 7
        if command == "run":
            assert "does not exist" in runtime.fails("state", name)


@pytest.mark.beyond_runc("runc wants one of the caller's streams to be a terminal")
@pytest.mark.parametrize("text", [b"", b"two\nlines\n", b"no line end"])
def test_the_end_of_the_callers_input_is_passed_on(
    runtime: Runtime, bundle: Bundle, scratch: Path, text: bytes
) -> None:
    """As Ctrl-D: a terminal knows no other end while its master is open."""
    bundle.process["terminal"] = True
    bundle.sh("cat > /tmp/input; cat /tmp/input; echo; echo ended")
    (scratch / "input").write_bytes(text)
    with open(scratch / "input", "rb") as stdin:
        result = runtime.run(bundle, stdin=stdin)
    assert result.status == 0
    assert (bundle.rootfs / "tmp/input").read_bytes() == text
    assert result.stdout.split()[-1] == "ended"


def _without_devpts(bundle: Bundle, there: str = "") -> None:
    kept = [mount for mount in bundle.config["mounts"] if not mount["destination"].startswith("/dev")]
    bundle.config["mounts"] = kept
    if there == "folder":
        (bundle.rootfs / "dev/pts").mkdir()
    elif there == "file":
        (bundle.rootfs / "dev/pts").touch()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without_devpts, "open a terminal: /dev/pts is not a devpts; mount one there in config.json"),
        (lambda b: _without_devpts(b, "folder"), "/dev/pts is not a devpts; mount one there in config.json"),
        (lambda b: _without_devpts(b, "file"), "/dev/pts is not a devpts; mount one there in config.json"),
        (lambda b: b.bind("/dev/null", "/dev/pts/ptmx"), "open /dev/pts/ptmx, on which something else is mounted"),
    ],
    ids=["nothing", "a folder", "a file", "a mount over ptmx"],
)
def test_without_a_devpts_it_is_said_what_to_mount(
    runtime: Runtime, bundle: Bundle, console: ConsoleSocket, change: Callable[[Bundle], object], words: str
) -> None:
    bundle.process["terminal"] = True
    change(bundle)
    command = ("create", "--bundle", str(bundle.path), "--console-socket", str(console.path), runtime.add(bundle))
    assert words in runtime.fails(*command)
