"""Files of a cgroup file system, with errors that name the file and the value."""

from __future__ import annotations

import errno
import posix

from pyoci.errors import CgroupError, reason
from pyoci.kernel import read_all

GONE = (errno.ENOENT, errno.ENODEV)  # the group was removed; ENODEV: while the file was open
# A group that has processes, or groups below it, or that has just lost its last process.
BUSY = (errno.EBUSY, errno.ENOTEMPTY)
NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)
FOLDER = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
SIGKILL = 9  # not from kernel.signals: `state` loads this module, and sends nothing
_SHOWN = 200  # characters of a value in a message


def shown(value: str) -> str:
    """A value for a message: quoted, and cut when it is long."""
    return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}..."


def read(path: str) -> str:
    """The whole file. Raises CgroupError."""
    try:
        return read_raw(path)
    except OSError as error:
        raise CgroupError(f"read {path}: {reason(error)}") from None


def read_raw(path: str, dir_fd: int | None = None) -> str:
    """The whole file; `path` may be relative to the group `dir_fd`. Raises OSError."""
    fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC, dir_fd=dir_fd)
    try:
        return read_all(fd).decode("ascii", "surrogateescape")
    finally:
        posix.close(fd)


def read_optional(path: str) -> str | None:
    """The whole file, None when it (or the group) is not there. Raises CgroupError."""
    try:
        return read_raw(path)
    except OSError as error:
        if error.errno in GONE:
            return None
        raise CgroupError(f"read {path}: {reason(error)}") from None


def count(path: str, name: str) -> int:
    """The number in the line `name NUMBER` of a file, 0 when there is none."""
    for line in (read_optional(path) or "").splitlines():
        key, _, number = line.partition(" ")
        if key == name:
            return int(number)
    return 0


def write(path: str, text: str) -> None:
    """Write one value in one go. Raises CgroupError."""
    try:
        write_raw(path, text)
    except OSError as error:
        raise CgroupError(f"write {shown(text)} to {path}: {reason(error)}") from None


def write_raw(path: str, text: str, dir_fd: int | None = None) -> None:
    """Write one value in one go; `path` may be relative to the group `dir_fd`. Raises OSError."""
    # An empty value is a line feed: write(2) of nothing does not reach the kernel's handler.
    data = text.encode("utf-8", "surrogateescape") or b"\n"
    fd = posix.open(path, posix.O_WRONLY | posix.O_CLOEXEC, dir_fd=dir_fd)
    try:
        if posix.write(fd, data) != len(data):
            raise OSError(errno.E2BIG, "")  # kernfs takes a page of it, and leaves the rest (kernfs_fop_write_iter)
    finally:
        posix.close(fd)
