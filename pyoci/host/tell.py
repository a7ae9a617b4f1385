"""What the caller wants to know of a new process: --pid-file and --pidfd-socket."""

from __future__ import annotations

import posix as os

from pyoci.errors import PyociError


def tell(pid: int, pidfd: int, pid_file: str, pidfd_socket: str) -> None:
    """Raises PyociError."""
    if pid_file:
        _write_pid_file(pid_file, pid)
    if pidfd_socket:
        from pyoci.host import terminal

        terminal.send_descriptor(pidfd_socket, pidfd, b"pidfd")


def _write_pid_file(path: str, pid: int) -> None:
    """Whole or not at all: an engine may read it at any moment."""
    directory, _, name = path.rpartition("/")
    temporary = f"{directory or '.'}/.{name}.{os.getpid()}"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        os.write(fd, str(pid).encode())
        os.close(fd)
        os.rename(temporary, path)
    except OSError as error:
        raise PyociError(f"write pid file {path}: {os.strerror(error.errno or 0).lower()}") from None
