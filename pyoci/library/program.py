"""The `pyoci` program: where it is, and one call of it, with its errors as exceptions."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator
from typing import IO, Any

from pyoci import errors
from pyoci.errors import PyociError, SyscallError
from pyoci.kernel import signals

# What a service manager says to the caller is not for the container's program.
_NOT_PASSED_ON = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
Stream = int | IO[Any] | None
_LOG_MAX = 1 << 20


def find_program() -> str:
    """The `pyoci` program that was installed with this package, or the one in PATH. PyociError when there is none."""
    beside = os.path.join(sysconfig.get_path("scripts"), "pyoci")
    if os.access(beside, os.X_OK):
        return beside
    path = shutil.which("pyoci")
    if path is None:
        raise PyociError(f"find the pyoci program: there is no {beside}, and none in PATH; install pyoci-runtime")
    return path


def environment() -> dict[str, str]:
    """The caller's, without what systemd says to the caller alone."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}


@contextlib.contextmanager
def starting(program: str) -> Iterator[None]:
    """Name the program in the error when it cannot be started: SyscallError."""
    try:
        yield
    except OSError as error:
        if error.filename != program:
            raise  # lack of descriptors or processes, or a stream that is not one: the caller's own
        raise SyscallError(error.errno or 0, f"start the pyoci program {program}") from None


def call(program: str, root: str, words: Iterable[str]) -> bytes:
    """Run a command to its end and return what it wrote. Raises its error, warnings go to `logging`."""
    # Files and no pipes: something that the command leaves running, a hook's child, may keep them open.
    log = os.memfd_create("pyoci-log")
    output = os.memfd_create("pyoci-output")
    try:
        command = [program, "--root", root, "--log-format", "json", *words]
        with starting(program):
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=log, env=environment(), check=False
            )
        error = _read_log(log)
        if done.returncode:
            raise error or PyociError(f"pyoci {next(iter(words), '')} {signals.ending(done.returncode)}")
        return os.pread(output, os.fstat(output).st_size, 0)
    finally:
        os.close(log)
        os.close(output)


def _read_log(log: int) -> PyociError | None:
    """The last error in a log of JSON lines; warnings are passed on."""
    last = None
    if not os.fstat(log).st_size:
        return None
    for line in os.pread(log, _LOG_MAX, 0).decode(errors="replace").split("\n"):
        try:
            entry = json.loads(line)
            level, words = entry["level"], entry["msg"]
        except (ValueError, KeyError, TypeError):
            continue  # what a hook wrote
        if level == "error":
            last = errors.from_data({**entry, "message": words})
        else:
            warn(words)
    return last


def warn(words: str) -> None:
    """A warning of the runtime's, to the logger of the name `pyoci`."""
    import logging

    logging.getLogger("pyoci").warning("%s", words)
