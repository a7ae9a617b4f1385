"""How programs end, as the library reports it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pyoci.errors import PyociError

Output = TypeVar("Output", str, bytes)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a program ended: with an exit status, `code`, or by a `signal`.

    `oom_killed`: the kernel killed a process of the container for lack of memory. Both `code` and `signal` are None
    when nobody recorded them: the container was made by another program than this library.
    """

    code: int | None = None
    signal: int | None = None
    oom_killed: bool = False

    @property
    def is_known(self) -> bool:
        return self.code is not None or self.signal is not None

    @property
    def returncode(self) -> int | None:
        """As `subprocess` has it: the exit status, or the signal's number negated; None when it is not known."""
        return -self.signal if self.signal is not None else self.code

    @property
    def ok(self) -> bool:
        """Whether the exit status is 0."""
        return self.code == 0

    def __str__(self) -> str:
        if self.signal is not None:
            return f"killed by signal {self.signal}" + (", out of memory" if self.oom_killed else "")
        return f"exit status {self.code}" if self.code is not None else "an exit status that nobody recorded"


@dataclass(frozen=True, slots=True)
class Finished(Generic[Output]):
    """A program that has ended: what it was, how it ended, and what it wrote."""

    args: Sequence[str]
    exit: Exit
    stdout: Output
    stderr: Output

    @property
    def returncode(self) -> int | None:
        """As `subprocess` has it: the exit status, or the signal's number negated."""
        return self.exit.returncode

    @property
    def ok(self) -> bool:
        return self.exit.ok

    def check(self) -> Finished[Output]:
        """Itself, or ProgramFailed unless the exit status is 0."""
        if not self.exit.ok:
            raise ProgramFailed(self)
        return self


class ProgramFailed(PyociError):
    """A program ended with another status than 0, and `check` was asked for. `finished` has all of it.

    `cmd`, `returncode`, `stdout` and `stderr` are as in subprocess.CalledProcessError.
    """

    def __init__(self, finished: Finished[str] | Finished[bytes]) -> None:
        self.finished = finished
        super().__init__(f"{' '.join(finished.args)[:200]!r}: {finished.exit}")

    @property
    def cmd(self) -> Sequence[str]:
        return self.finished.args

    @property
    def returncode(self) -> int | None:
        return self.finished.returncode

    @property
    def stdout(self) -> str | bytes:
        return self.finished.stdout

    @property
    def stderr(self) -> str | bytes:
        return self.finished.stderr


class Timeout(PyociError, TimeoutError):  # type: ignore[misc]  # not that of OSError, which may be None
    """Something took longer than its `timeout`. `stdout` and `stderr` hold what the program had written by then."""

    def __init__(self, message: str, stdout: str | bytes = b"", stderr: str | bytes = b"") -> None:
        self.stdout = stdout
        self.stderr = stderr
        super().__init__(message)


class OutputLimit(PyociError):
    """A program wrote more than `max_output` bytes and was killed. `stdout` and `stderr` hold the beginning."""

    def __init__(self, message: str, stdout: str | bytes = b"", stderr: str | bytes = b"") -> None:
        self.stdout = stdout
        self.stderr = stderr
        super().__init__(message)
