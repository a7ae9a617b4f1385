"""A further program in a container, while it runs."""

from __future__ import annotations

import fcntl
import os
import signal as signals
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from typing import IO, Any, Generic, cast

from pyoci.cli import mistakes
from pyoci.errors import NOT_RUNNING, StateError, UsageError
from pyoci.kernel import signals as names
from pyoci.kernel import write_all
from pyoci.library import values
from pyoci.library.exchange import Exchange
from pyoci.library.outcome import Exit, Finished, Output, OutputLimit, Timeout
from pyoci.library.supervised import Supervised
from pyoci.library.waiting import Deadline

TERMINAL_SIZE = (24, 80)  # rows and columns, as those of a terminal that nobody asked
MAX_OUTPUT = 64 << 20  # bytes: of both streams together, unless the caller says otherwise
DEVNULL, PIPE, STDOUT = subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT


class Terminal:
    """The other side of a program's terminal, see pty(7)."""

    def __init__(self, fd: int) -> None:
        self._file = open(fd, "r+b", buffering=0)  # noqa: SIM115  # it closes with the terminal

    def fileno(self) -> int:
        return self._file.fileno()

    def read(self, size: int = 65536) -> bytes:
        """The program's output, waiting for at least a byte; empty once every program has closed the terminal."""
        try:
            return os.read(self.fileno(), size)
        except OSError:  # EIO: nobody has it open any more
            return b""

    def write(self, data: bytes) -> None:
        """Type `data`: `\\r` is the Enter key, `\\x03` is Ctrl-C."""
        write_all(self.fileno(), data)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size in characters; the program gets SIGWINCH."""
        fcntl.ioctl(self.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(self.fileno(), termios.TIOCGWINSZ, b"\0" * 8))
        return rows, columns

    @property
    def closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        """Hang up: the program gets SIGHUP."""
        self._file.close()


class Process(Generic[Output]):
    """A program that `Container.popen` started. Leaving its `with` block kills it.

    `stdin`, `stdout`, `stderr` are the streams that were asked for with PIPE, or None. `terminal` is there when a
    terminal was asked for. `pid` is its number outside of the container.
    """

    def __init__(self, supervised: Supervised, args: Sequence[str], encoding: str | None, errors: str) -> None:
        self._supervised = supervised
        self._encoding = encoding
        self._errors = errors
        self.args = args
        self.pid = supervised.pid
        self.stdin: IO[Output] | None = supervised.popen.stdin
        self.stdout: IO[Output] | None = supervised.popen.stdout
        self.stderr: IO[Output] | None = supervised.popen.stderr
        self.terminal = Terminal(supervised.terminal) if supervised.terminal >= 0 else None

    def __enter__(self) -> Process[Output]:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Process {' '.join(self.args)[:80]!r} pid={self.pid} exit={self._supervised.exit}>"

    @property
    def returncode(self) -> int | None:
        """As `subprocess` has it: the exit status, or the signal's number negated; None while it runs."""
        ended = self.poll()
        return None if ended is None else ended.returncode

    def poll(self) -> Exit | None:
        """How it ended, None while it runs."""
        try:
            return self.wait(0)
        except Timeout:
            return None

    def wait(self, timeout: float | None = None) -> Exit:
        """Wait for its end. Raises Timeout after `timeout` seconds; the program goes on then."""
        return self._wait(timeout)

    def send_signal(self, signal: int | str) -> None:
        """Send a signal (`"TERM"`, 15) to the program. StateError when it has ended."""
        number = signal_number(signal)
        try:
            if self.poll() is not None:
                raise ProcessLookupError
            signals.pidfd_send_signal(self._supervised.pidfd, number)
        except ProcessLookupError:
            raise StateError(f"{NOT_RUNNING}: the program has ended") from None

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signals.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the program and all that descends from it; waits until they are gone. No error if they are."""
        self._supervised.abandon()

    def communicate(
        self,
        input: str | bytes | None = None,
        timeout: float | None = None,
        max_output: int | None = MAX_OUTPUT,
    ) -> tuple[Output, Output]:
        """Write `input`, read what the program writes until it ends: stdout and stderr.

        Raises Timeout, OutputLimit; the program is killed then, with all that descends from it.
        """
        return self._communicate(input, Deadline(timeout), max_output)

    def close(self) -> None:
        """Kill the program if it still runs, and let go of its streams."""
        self.kill()
        self._supervised.close()
        if self.terminal is not None:
            self.terminal.close()

    def _wait(self, timeout: float | None, cancel: int = -1) -> Exit:
        return self._supervised.wait(Deadline(timeout), cancel)

    def _communicate(
        self, input: str | bytes | None, deadline: Deadline, max_output: int | None, cancel: int = -1
    ) -> tuple[Output, Output]:
        supervised = self._supervised
        streams = (supervised.popen.stdin, supervised.popen.stdout, supervised.popen.stderr)
        exchange = Exchange(*streams, input=encode(input, self._encoding), max_output=max_output, cancel=cancel)
        try:
            exchange.run(
                supervised.report_fd, lambda: supervised.note() is False or supervised.exit is not None, deadline
            )
        except (Timeout, OutputLimit) as error:
            self.kill()
            error.stdout, error.stderr = self._decode(error.stdout), self._decode(error.stderr)
            raise
        except BaseException:
            self.kill()
            raise
        supervised.wait()
        return self._decode(bytes(exchange.stdout)), self._decode(bytes(exchange.stderr))

    def _decode(self, data: str | bytes) -> Output:
        text = data.decode(self._encoding, self._errors) if self._encoding and isinstance(data, bytes) else data
        return cast(Output, text)


def finish(
    process: Process[Output],
    input: str | bytes | None,
    deadline: Deadline,
    max_output: int | None,
    check: bool,
    cancel: int = -1,
) -> Finished[Output]:
    """Have a conversation with a program up to its end, and let go of it."""
    with process:
        stdout, stderr = process._communicate(input, deadline, max_output, cancel)
        finished = Finished(process.args, process.wait(), stdout, stderr)
    return finished.check() if check else finished


def encode(input: str | bytes | None, encoding: str | None) -> bytes | None:
    if input is not None and not isinstance(input, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"input: takes a str or bytes, not {type(input).__name__}")
    return input.encode(encoding or "utf-8") if isinstance(input, str) else input


def text_keywords(text: bool, encoding: str | None, errors: str) -> dict[str, Any]:
    """Arguments of subprocess.Popen that make its streams ones of text, or of bytes."""
    return {"encoding": encoding or "utf-8", "errors": errors} if text or encoding else {}


def signal_number(signal: int | str) -> int:
    """UsageError for a signal that does not exist."""
    try:
        return names.number(str(int(signal)) if isinstance(signal, int) else signal)
    except ValueError as error:
        raise UsageError(f"signal: {error}{mistakes.signal(str(signal))}") from None


def exec_words(
    container_id: str,
    args: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str] | None,
    cwd: str | os.PathLike[str] | None,
    user: int | str | tuple[int, int] | None,
    terminal: bool,
    options: Sequence[str],
) -> list[str]:
    """The command line of `exec`. ConfigError, TypeError."""
    words = ["exec", *values.options(options)]
    for name, value in values.mapping(env or {}, "env").items():
        values.variable(name, value)
        words.append(f"--env={name}={value}")
    if cwd is not None:
        words.append(f"--cwd={values.path(cwd, 'cwd')}")
    if user is not None:
        words.append("--user={}:{}".format(*values.user(user)))
    if terminal:
        words.append("--tty")
    # The second --: a program that is itself named so.
    return [*words, container_id, "--", *values.arguments(args)]
