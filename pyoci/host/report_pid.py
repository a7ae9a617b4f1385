"""The report of a new process to the caller: --pid-file and --pidfd-socket."""

from __future__ import annotations

import _stat as stat
import errno
import posix

from pyoci.errors import PyociError, reason
from pyoci.kernel import write_all

# What is said beside the pidfd, as in runc: whether it is the container's own process or one that joined it.
OWN, JOINED = b"standard", b"setns"


def report_pid(pid: int, pidfd: int, pid_file: str, pidfd_socket: str, kind: bytes = OWN) -> None:
    """Raises PyociError."""
    if pid_file:
        _write_pid_file(pid_file, pid)
    if pidfd_socket:
        from pyoci.host import send_fd

        send_fd.send_descriptor(pidfd_socket, pidfd, kind, "pidfd", "--pidfd-socket")


def _write_pid_file(path: str, pid: int) -> None:
    """Whole or not at all: an engine may read it at any moment. A pipe or a device is written to, and not replaced."""
    if _is_no_file(path) and _write_to(path, pid):
        return
    directory, _, name = path.rpartition("/")
    # Not by our number: a killed pyoci may have left a file of it, and in another PID namespace it is another's.
    temporary = f"{directory or '.'}/.{name}.{posix.urandom(6).hex()}"
    try:
        fd = posix.open(temporary, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o644)
        try:
            write_all(fd, str(pid).encode())
            posix.rename(temporary, path)
        except OSError:
            posix.unlink(temporary)
            raise
        finally:
            posix.close(fd)
    except OSError as error:
        hint = "; --pid-file names a file, and this is a folder" if posix.access(f"{path}/.", posix.F_OK) else ""
        raise PyociError(f"write pid file {path}: {reason(error)}{hint}") from None


def _is_no_file(path: str) -> bool:
    """Whether a FIFO, a socket or a device is there (`>(...)`, /dev/null); only another user's link is not followed."""
    try:
        kind = stat.S_IFMT(posix.stat(path).st_mode)
        if kind in (stat.S_IFREG, stat.S_IFDIR):
            return False
        from pyoci.kernel import foreign_link  # of few containers

        return not foreign_link.maker(path)
    except OSError:
        return False


def _write_to(path: str, pid: int) -> bool:
    """False for a FIFO that nobody has open to read: the pid file takes its place."""
    try:
        # O_NONBLOCK: not a wait for a FIFO's reader
        fd = posix.open(path, posix.O_WRONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC)
        try:
            write_all(fd, str(pid).encode())
        finally:
            posix.close(fd)
        return True
    except OSError as error:
        if error.errno == errno.ENXIO:
            return False
        raise PyociError(f"write pid file {path}: {reason(error)}") from None
