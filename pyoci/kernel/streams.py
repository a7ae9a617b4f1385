"""The standard streams, which come from the caller."""

from __future__ import annotations

import _stat as stat
import errno
import posix

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
