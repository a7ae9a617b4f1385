"""Containers from Python, without a daemon.

    from pyoci.api import Container

    with Container.create("demo", bundle="/path/to/bundle") as container:
        container.start()
        print(container.exec(["uname", "-n"]).stdout)
        container.kill("TERM")
        print(container.wait())

Each call runs the `pyoci` program: a container is made by a fork of a small, single-threaded process, which a program
with threads and open files is not. So everything here is safe to use from threads.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pyoci.errors import DOES_NOT_EXIST, ContainerError, ContainerNotFound, PyociError


@dataclass(frozen=True)
class Finished:
    """A program that has ended in a container: its exit status (128 + signal) and what it wrote."""

    status: int
    stdout: str
    stderr: str


@dataclass
class Container:
    """A container by its ID. `root` is where its state is kept: the program's default when None.

    `program` is the `pyoci` to call; the one that belongs to this package when empty.
    """

    id: str
    root: str | None = None
    program: str = ""
    _pidfd: int = field(default=-1, repr=False)

    def __post_init__(self) -> None:
        self.program = self.program or find_program()

    @classmethod
    def create(
        cls,
        container_id: str,
        bundle: str | os.PathLike[str],
        *,
        root: str | None = None,
        program: str | None = None,
        stdin: int | IO[Any] | None = subprocess.DEVNULL,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
        options: tuple[str, ...] = (),
    ) -> Container:
        """Make a container that waits for `start`. Its program gets the given standard streams: files or descriptors,
        not PIPE. `options` are further ones of `pyoci create`. ContainerError carries the program's words.
        """
        container = cls(container_id, root, program or "")
        # a file and not a pipe: the container keeps its standard error, and a pipe's reader would wait for its end
        log = os.memfd_create("pyoci-log")
        try:
            command = container._command("create", "--bundle", os.fspath(bundle), *options, container_id)
            command[1:1] = ["--log", f"/proc/self/fd/{log}", "--log-format", "json"]
            done = subprocess.run(command, stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=(log,), check=False)
            if done.returncode:
                raise _error(_last_words(log) or f"pyoci create: exit status {done.returncode}", container_id)
            container._pidfd = os.pidfd_open(container.state()["pid"])
        finally:
            os.close(log)
        return container

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.delete(force=True)

    def start(self) -> None:
        """Run the program of the config."""
        self._run("start", self.id)

    def state(self) -> dict[str, Any]:
        """The state as runtime.md has it. ContainerNotFound when there is none."""
        state: dict[str, Any] = json.loads(self._run("state", self.id).stdout)
        return state

    @property
    def status(self) -> str:
        """creating, created, running, paused or stopped."""
        return str(self.state()["status"])

    def kill(self, signal: str | int = "TERM") -> None:
        """Send a signal to the container's first process."""
        self._run("kill", self.id, str(signal))

    def pause(self) -> None:
        self._run("pause", self.id)

    def resume(self) -> None:
        self._run("resume", self.id)

    def exec(self, args: list[str], *, input: str | None = None, options: tuple[str, ...] = ()) -> Finished:
        """Run a further program to its end. `options` are those of `pyoci exec`, e.g. `("--user", "1000")`.

        The status is the program's own; 255 and a message on stderr when it could not be run.
        """
        stdin: dict[str, Any] = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(
            self._command("exec", *options, self.id, *args), capture_output=True, text=True, check=False, **stdin
        )
        return Finished(status=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the container's first process has ended; False when `timeout` seconds were over before."""
        if self._pidfd < 0:
            pid = self.state()["pid"]
            if not pid:
                return True
            self._pidfd = os.pidfd_open(pid)
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        return bool(poller.poll(None if timeout is None else timeout * 1000))

    def delete(self, *, force: bool = False) -> None:
        """Remove what `create` made; with `force` the container is killed first, and none is no error."""
        self._run("delete", *(["--force"] if force else []), self.id)
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _command(self, *words: str) -> list[str]:
        place = ["--root", self.root] if self.root is not None else []
        return [self.program, *place, *words]

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self._command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise _error(done.stderr.strip().removeprefix("pyoci: "), self.id)
        return done


def find_program() -> str:
    """The `pyoci` program that was installed with this package, or the one in PATH. PyociError when there is none."""
    beside = Path(sysconfig.get_path("scripts")) / "pyoci"
    if os.access(beside, os.X_OK):
        return str(beside)
    found = shutil.which("pyoci")
    if found is None:
        raise PyociError(f"find the pyoci program: there is no {beside}, and none in PATH; install pyoci-runtime")
    return found


def _error(words: str, container_id: str) -> PyociError:
    return ContainerNotFound(container_id) if DOES_NOT_EXIST in words else ContainerError(words)


def _last_words(log: int) -> str:
    """The `msg` of the last error in a log of JSON lines."""
    entries = [json.loads(line) for line in os.pread(log, 1 << 20, 0).decode().splitlines()]
    return next((entry["msg"] for entry in reversed(entries) if entry["level"] == "error"), "")
