"""The standard streams, which come from the caller, and terminals: ioctl_tty(2)."""

from __future__ import annotations

import _stat as stat
import _struct
import errno
import fcntl
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import uapi

_NULL = posix.makedev(1, 3)


def give(uid: int, *, devices: bool = True) -> None:
    """Let the container's user reopen its own standard streams (/dev/stdout), as runc does.

    Devices are the host's and are never touched, except for terminals, and these only with `devices`. What the user
    owns already or cannot be given stays as it is.
    """
    for fd in (0, 1, 2):
        try:
            status = posix.fstat(fd)
            if status.st_uid == uid or stat.S_ISBLK(status.st_mode):
                continue
            if stat.S_ISCHR(status.st_mode) and not (devices and posix.isatty(fd)):
                continue
            posix.fchown(fd, uid, -1)
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.EINVAL, errno.EPERM, errno.EROFS):
                raise


def null_devices() -> list[int]:
    """Those of the standard streams that are a null device."""
    streams = []
    for fd in (0, 1, 2):
        try:
            status = posix.fstat(fd)
        except OSError:
            continue  # closed
        if is_null(status):
            streams.append(fd)
    return streams


def is_null(status: posix.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == _NULL  # a block device 1:3 is a ramdisk


def make_null(folder: int) -> int:
    """A null device in this folder of ours: its descriptor (O_PATH). Raises OSError."""
    posix.mknod("null", stat.S_IFCHR | 0o666, _NULL, dir_fd=folder)
    return posix.open("null", posix.O_PATH | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=folder)


def open_like(fd: int, place: int, proc_fd: int) -> int:
    """Open `place` as the stream `fd` was opened. Raises OSError."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL) & (posix.O_ACCMODE | posix.O_APPEND | posix.O_NONBLOCK)
    return posix.open(f"self/fd/{place}", flags | posix.O_NOCTTY | posix.O_CLOEXEC, dir_fd=proc_fd)


def replace(fd: int, stream: int) -> None:
    """Put `stream`, which is closed, in the place of the standard stream `fd`. Raises SyscallError."""
    try:
        posix.dup2(stream, fd)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"replace standard stream {fd}") from None
    finally:
        posix.close(stream)


def peer(master: int) -> int:
    """The slave of a pseudoterminal, unlocked and opened by its master, not by a path. Raises SyscallError."""
    try:
        fcntl.ioctl(master, uapi.TIOCSPTLCK, _struct.pack("i", 0))
        return fcntl.ioctl(master, uapi.TIOCGPTPEER, posix.O_RDWR | posix.O_NOCTTY | posix.O_CLOEXEC)
    except OSError as error:
        raise SyscallError(error.errno or 0, "open the terminal's peer") from None


def set_size(terminal: int, height: int, width: int) -> None:
    """In characters. Raises OSError."""
    fcntl.ioctl(terminal, uapi.TIOCSWINSZ, _struct.pack("HHHH", height, width, 0, 0))


def copy_size(source: int, terminal: int) -> None:
    """Give one terminal the size of another, unless that has none. Raises OSError."""
    size = fcntl.ioctl(source, uapi.TIOCGWINSZ, b"\0" * 8)
    if size[:4] != b"\0" * 4:
        fcntl.ioctl(terminal, uapi.TIOCSWINSZ, size)
