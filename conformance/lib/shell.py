"""Runs commands under a deadline, in pipes or on a terminal, and says what went wrong."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_WORDS = 600


class Failed(Exception):
    """A case did not see what it expects; the words say what it saw."""


class Skipped(Exception):
    """A case cannot run on this machine, whatever the runtime; the words say why."""


@dataclass(frozen=True)
class Result:
    """What a command did."""

    command: list[str]
    status: int
    out: str
    err: str

    def ok(self) -> Result:
        """Itself, if the command exited 0; raises Failed."""
        return self.exits(0)

    def exits(self, status: int) -> Result:
        """Itself, if the command exited with `status`; raises Failed."""
        if self.status != status:
            raise Failed(f"{self.name} exited {self.status}, not {status}: {self.words}")
        return self

    def prints(self, text: str) -> Result:
        """Itself, if standard output without surrounding space is `text`; raises Failed."""
        if self.out.strip() != text:
            printed = self.out.strip()[:_WORDS]
            raise Failed(f"{self.name} printed {printed!r}, not {text!r}: {self.err.strip()[-_WORDS:]}")
        return self

    def shows(self, text: str) -> Result:
        """Itself, if either output holds `text`; raises Failed."""
        if text not in self.out and text not in self.err:
            raise Failed(f"{self.name} did not show {text!r}: {self.words}")
        return self

    @property
    def name(self) -> str:
        """The command as a person would type it, shortened."""
        return " ".join(self.command)[:200]

    @property
    def words(self) -> str:
        """The end of both outputs."""
        return " / ".join(text for text in (self.err.strip()[-_WORDS:], self.out.strip()[-_WORDS:]) if text)


@dataclass
class Shell:
    """Where commands run; `deadline` (monotonic seconds) is moved by whoever runs the cases."""

    environment: dict[str, str]
    deadline: float = 0.0
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(
        self,
        command: Sequence[object],
        *,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> Result:
        """Run `command` with `stdin` as its input (none: /dev/null); raises Failed when time runs out."""
        words = [str(word) for word in command]
        with subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self.environment, **(env or {})},
            cwd=cwd,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(stdin, timeout=self.seconds_left())
            except subprocess.TimeoutExpired:
                _kill_group(process.pid)
                out, err = _drain(process)
                raise Failed(f"time limit in `{' '.join(words)[:300]}`: {(err + out).strip()[-_WORDS:]}") from None
        return Result(words, _status(process.returncode), out, err)

    def terminal(
        self,
        command: Sequence[object],
        talk: Sequence[tuple[str, str]],
        *,
        env: Mapping[str, str] | None = None,
        rows: int = 24,
        columns: int = 80,
    ) -> Result:
        """Run `command` on a new terminal: wait for each first word, then type the second; raises Failed."""
        words = [str(word) for word in command]
        pid, master = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(words[0], words, {**self.environment, **(env or {})})
        seen = ""
        try:
            for expected, typed in talk:
                before = len(seen)
                while expected not in seen[before:]:
                    more = self._read(master)
                    if not more:
                        command = " ".join(words)[:200]
                        raise Failed(f"`{command}` ended before it showed {expected!r}: {seen[-_WORDS:]!r}")
                    seen += more
                os.write(master, typed.encode())
            while more := self._read(master):
                seen += more
            _, status = os.waitpid(pid, 0)
            pid = 0
        finally:
            os.close(master)
            if pid:
                _kill_group(pid)
                os.waitpid(pid, 0)
        return Result(words, _status(os.waitstatus_to_exitcode(status)), seen, "")

    def daemon(self, command: Sequence[object], log: Path) -> subprocess.Popen[bytes]:
        """Start a program that stays; `stop_daemons` ends it."""
        with open(log, "ab") as file:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self.environment,
                start_new_session=True,
            )
        self.daemons.append(process)
        return process

    def stop_daemons(self) -> None:
        """End what `daemon` started, gently at first."""
        for process in reversed(self.daemons):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.daemons.clear()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Ask again and again until `condition` holds; raises Failed at the deadline."""
        while not condition():
            if time.monotonic() > self.deadline:
                raise Failed(f"time limit while waiting for {what}")
            time.sleep(0.1)

    def seconds_left(self) -> float:
        """Seconds until the deadline, at least a tenth."""
        return max(0.1, self.deadline - time.monotonic())

    def _read(self, master: int) -> str:
        ready, _, _ = select.select([master], [], [], self.seconds_left())
        if not ready:
            raise Failed("time limit on the terminal")
        try:
            return os.read(master, 4096).decode(errors="replace")
        except OSError:
            return ""  # EIO: the last process on the terminal has gone


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _drain(process: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return process.communicate(timeout=2)
    except subprocess.TimeoutExpired:
        return "", "(its children still hold its outputs)"


def _status(code: int) -> int:
    return code if code >= 0 else 128 - code
