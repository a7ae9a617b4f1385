"""Every command as a person meets it: on a terminal, wide or narrow, with and without colors, and its end by Ctrl-C."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime, until
from helpers.terminal import read_all

from pyoci.cli import main

ESCAPE = b"\x1b"
COLORS_OFF = ({"NO_COLOR": "1"}, {"TERM": "dumb"})
# What a person types, with ID for a running container's and STOPPED for one that has stopped; in a bundle's folder.
TYPED = {
    "create": "create",
    "start": "start STOPPED",
    "run": "run --config missing.json new",
    "state": "state ID",
    "kill": "kill ID 0",
    "delete": "delete ID",
    "list": "list",
    "exec": "exec ID true",
    "ps": "ps ID",
    "pause": "pause STOPPED",
    "resume": "resume ID",
    "update": "update --pids-limit 100 ID",
    "mounts": "mounts add ID missing.json",
    "checkpoint": "checkpoint STOPPED",
    "restore": "restore --image-path missing new",
    "top": "top --once --interval 50ms ID",
    "events": "events --stats ID",
    "spec": "spec",
    "validate": "validate",
    "explain": "explain",
    "try": "try -- echo hello",
    "doctor": "doctor",
    "features": "features",
    "completion": "completion bash",
    "help": "help states",
}
FAILS = {"create", "start", "run", "delete", "pause", "resume", "mounts", "checkpoint", "restore", "spec"}
SILENT = {"kill", "exec", "update"}


@pytest.fixture(autouse=True)
def _of_pyoci(runtime: Runtime) -> None:
    if not runtime.is_pyoci:
        pytest.skip("pyoci's own words")


class Screen:
    """A program on a terminal of its own, which is its controlling one."""

    def __init__(
        self, command: list[str], columns: int = 80, env: dict[str, str] | None = None, **given: object
    ) -> None:
        self.master, slave = pty.openpty()
        self.resize(columns)
        plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command],
            stdin=slave, stdout=slave, stderr=slave, env={**plain, "TERM": "xterm-256color", **(env or {})}, **given,
        )  # type: ignore[call-overload]  # fmt: skip
        os.close(slave)

    def resize(self, columns: int, rows: int = 24) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def until(self, words: bytes) -> bytes:
        seen = read_all(self.master, expect=words)
        assert words in seen, seen
        return seen

    def end(self) -> tuple[int, bytes]:
        """The exit status, and what is still to be read."""
        seen = read_all(self.master)
        return self.process.wait(TIME_LIMIT), seen


@pytest.fixture
def screen(runtime: Runtime, bundle: Bundle) -> Iterator[Callable[..., Screen]]:
    """Screens of pyoci's commands, in the folder of a bundle."""
    with contextlib.ExitStack() as stack:

        def make(*words: str, **given: object) -> Screen:
            made = Screen([*runtime.arguments(), *words], cwd=bundle.path, **given)  # type: ignore[arg-type]
            stack.callback(os.close, made.master)
            stack.callback(made.process.wait)
            stack.callback(made.process.kill)
            return made

        yield make


def long_lines(text: bytes, columns: int) -> list[str]:
    """Lines that the terminal breaks, except for those with a word that is longer itself, and examples to be copied."""
    lines = text.decode().replace("\r", "").splitlines()
    return [
        line
        for line in lines
        if len(line) > columns
        and len(line.split()) > 1
        and not line.startswith("    ")
        and len(max(line.split(), key=len)) + 6 <= columns
    ]


@pytest.mark.parametrize("columns", [80, 40])
@pytest.mark.parametrize("command", ["", *main.COMMANDS])
def test_help_fits_the_terminal(screen: Callable[..., Screen], command: str, columns: int) -> None:
    status, text = screen(*command.split(), "--help", columns=columns).end()
    assert status == 0
    assert text.startswith(b"usage: pyoci ")
    assert ESCAPE not in text
    assert long_lines(text, columns) == []


def test_a_terminal_that_does_not_know_its_size(screen: Callable[..., Screen]) -> None:
    status, text = screen("--help", columns=0).end()
    assert status == 0
    assert b"pyoci runs containers" in text


@pytest.mark.parametrize("command", [*main.COMMANDS, "rnu", ""])
def test_an_option_that_nobody_knows(screen: Callable[..., Screen], command: str) -> None:
    """One line, that says what to do."""
    status, text = screen(*command.split(), "--no-such-option").end()
    assert status == 1
    assert ESCAPE not in text
    (line,) = text.decode().splitlines()
    assert "--no-such-option" in line or "did you mean" in line


def in_full(words: str, runtime: Runtime, bundle: Bundle) -> list[str]:
    bundle.sleeps()
    stopped = runtime.start(bundle)
    stopped.kill("KILL")
    stopped.wait()
    running = runtime.start(bundle)
    places = {"ID": running.id, "STOPPED": stopped.id}
    return [places.get(word, word) for word in words.split()]


@pytest.mark.thorough
@pytest.mark.parametrize("command", TYPED)
def test_a_command_on_a_terminal_and_in_a_pipe(
    runtime: Runtime, bundle: Bundle, screen: Callable[..., Screen], command: str
) -> None:
    """No colors where nobody wants them, and then it is the same as in a pipe; never a traceback."""
    words = in_full(TYPED[command], runtime, bundle)
    expected = 1 if command in FAILS else 0
    if command == "doctor":
        expected = runtime.call("doctor").status
    for env in ({}, *COLORS_OFF):
        status, text = screen(*words, env=env).end()
        assert status == expected, text
        assert b"Traceback" not in text
        if env:
            assert ESCAPE not in text, env
        assert bool(text) == (command not in SILENT)
    done = subprocess.run(
        [*runtime.arguments(), *words], cwd=bundle.path, capture_output=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == expected
    assert ESCAPE not in done.stdout + done.stderr
    assert bool(done.stdout + done.stderr) == (command not in SILENT)


def test_no_command_is_left_out() -> None:
    assert list(TYPED) == list(main.COMMANDS), "TYPED of this file has a row for each command, in the order of COMMANDS"


# -- on and on, until Ctrl-C -----------------------------------------------------------------------------------------


def test_top_fills_the_window_and_follows_its_size(
    runtime: Runtime, bundle: Bundle, screen: Callable[..., Screen]
) -> None:
    pytest.importorskip("rich")
    bundle.sleeps()
    container = runtime.start(bundle)
    top = screen("top", "--interval", "100ms", columns=200)
    wide = top.until(b"running")
    assert container.id.encode() in wide
    top.resize(60)
    frames = [b""]

    def width() -> int:
        """Of the last frame that is complete."""
        frames[-1:] = (frames[-1] + read_all(top.master, 0.2)).split(b"\x1b[H")
        plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", frames[-2]).decode() if len(frames) > 2 else ""
        return max(map(len, plain.splitlines())) if "Ctrl-C" in plain else 0

    until(lambda: 0 < width() <= 60, "it is as narrow as the window")
    top.type(b"\x03")
    status, rest = top.end()
    assert status == 0
    assert b"\x1b[?1049l" in rest and b"Traceback" not in rest


def test_top_on_a_terminal_that_only_prints(runtime: Runtime, bundle: Bundle, screen: Callable[..., Screen]) -> None:
    bundle.sleeps()
    runtime.start(bundle)
    status, text = screen("top", "--interval", "100ms", env={"TERM": "dumb"}).end()
    assert status == 0
    assert ESCAPE not in text and b"STATUS" in text


def test_top_without_colors(runtime: Runtime, bundle: Bundle, screen: Callable[..., Screen]) -> None:
    pytest.importorskip("rich")
    bundle.sleeps()
    runtime.start(bundle)
    top = screen("top", "--interval", "100ms", env={"NO_COLOR": "1"}, columns=200)
    text = top.until(b"running")
    assert not re.search(rb"\x1b\[(3[0-7]|4[0-7]|9[0-7])", text)
    top.type(b"\x03")
    assert top.end()[0] == 0


def test_events_end_with_ctrl_c(runtime: Runtime, bundle: Bundle, screen: Callable[..., Screen]) -> None:
    bundle.sleeps()
    events = screen("events", "--interval", "100ms", runtime.start(bundle).id)
    events.until(b'"type"')
    events.type(b"\x03")
    status, text = events.end()
    assert status == 130
    assert b"Traceback" not in text


def test_exec_and_the_size_of_the_window(runtime: Runtime, bundle: Bundle, screen: Callable[..., Screen]) -> None:
    bundle.sleeps()
    script = "trap 'stty size' WINCH; stty size; echo ready; while :; do sleep 0.05; done"
    shell = screen("exec", "--tty", runtime.start(bundle).id, "sh", "-c", script, columns=97)
    assert b"24 97" in shell.until(b"ready")
    shell.resize(41)
    shell.until(b"24 41")
    shell.type(b"\x03")
    assert shell.end()[0] == 130


def test_try_and_the_size_of_the_window(screen: Callable[..., Screen]) -> None:
    script = "trap 'stty size' WINCH; stty size; echo ready; while :; do sleep 0.05; done"
    shell = screen("try", "--", "sh", "-c", script, columns=97)
    assert b"24 97" in shell.until(b"ready")
    shell.resize(41)
    shell.until(b"24 41")
    shell.type(b"\x03")
    assert shell.end()[0] == 130


def test_a_program_that_ignores_ctrl_c_goes_on(screen: Callable[..., Screen]) -> None:
    # a signal ends dash's `read`
    program = "trap 'echo no' INT; echo ready; until read line; do :; done; echo got $line"
    shell = screen("try", "--", "sh", "-c", program)
    shell.until(b"ready")
    shell.type(b"\x03")
    shell.until(b"no")
    shell.type(b"words\r")
    status, text = shell.end()
    assert (status, b"got words" in text) == (0, True)


def test_the_terminal_is_as_it_was(screen: Callable[..., Screen]) -> None:
    shell = screen("try", "--", "sh", "-c", "echo ready; read line")
    before = termios.tcgetattr(shell.master)
    shell.until(b"ready")
    shell.type(b"\r")
    assert shell.end()[0] == 0
    assert termios.tcgetattr(shell.master) == before
