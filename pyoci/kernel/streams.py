"""Descriptors that come from the caller: the standard streams, and those that --preserve-fds passes on."""

from __future__ import annotations

import _stat as stat
import errno
import fcntl
import posix

from pyoci.errors import UsageError

_NULL = posix.makedev(1, 3)


def give(uid: int, *, devices: bool = True) -> None:
    """Let the container's user reopen its own standard streams (/dev/stdout), as runc does.

    The null device is the host's and is never touched, terminals only with `devices`. What the user owns already or
    cannot be given stays as it is.
    """
    for fd in (0, 1, 2):
        try:
            found = posix.fstat(fd)
            if found.st_uid == uid or found.st_rdev == _NULL or (stat.S_ISCHR(found.st_mode) and not devices):
                continue
            posix.fchown(fd, uid, -1)
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.EINVAL, errno.EPERM, errno.EROFS):
                raise


def check_passed(count: int) -> None:
    """UsageError unless descriptors 3 to 3 + count - 1 came from the caller.

    Those have survived an execve(2) and so are not close-on-exec; our own all are, and must never be taken for them.
    """
    for fd in range(3, 3 + count):
        try:
            ours = fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
        except OSError:
            ours = True
        if ours:
            raise UsageError(f"pass {count} descriptors to the container: number {fd} is not open")
