"""The lock of whoever freezes or thaws a container: `pause`, `resume`, and `checkpoint` by its criu.

Not the one of the entry: `start` holds that while it waits for the container, which can be paused then, too.
"""

from __future__ import annotations

import errno
import posix

from pyoci.errors import ContainerNotFound, SyscallError
from pyoci.state.store import FREEZER_LOCK, Entry

_FLAGS = posix.O_RDONLY | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
_FOLDER = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC


def take(entry: Entry, *, makes_it: bool = False) -> Entry:
    """The lock, as an entry whose descriptor is that of its file: held until that is closed, by children, too.

    Waits as `Entry.lock` does, and raises what that raises. Where its file cannot be made, nobody else has made it, and
    that of the entry will do, even if another holds it; for a checkpoint that is an error (`makes_it`).
    """
    try:
        fd = posix.open(FREEZER_LOCK, _FLAGS, 0o600, dir_fd=entry.dirfd)
    except FileNotFoundError:
        raise ContainerNotFound(entry.id) from None  # its folder was deleted
    except OSError as error:
        if makes_it or error.errno not in (errno.EROFS, errno.ENOSPC, errno.EDQUOT):
            raise SyscallError(error.errno or 0, f"open {entry.path}/{FREEZER_LOCK}") from None
        # No checkpoint can be at work here: it makes this file first. One that begins once there is space again waits
        # for the lock of the entry, which is ours now, or that of a `start` that waits.
        folder = Entry(entry.id, entry.root, posix.open(".", _FOLDER, dir_fd=entry.dirfd), entry.path)
        folder.try_lock()
        return folder
    lock = Entry(entry.id, entry.root, fd, entry.path)
    try:
        lock.lock()
    except BaseException:
        lock.close()
        raise
    return lock
