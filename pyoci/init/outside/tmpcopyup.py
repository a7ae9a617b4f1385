"""`tmpcopyup`: a tmpfs that starts with what the image has at its mount point (config.md, "Linux mount options")."""

from __future__ import annotations

import _stat as stat
import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import write_all
from pyoci.record import Record

_CHUNK = 1 << 20


def copy(source: int, target: int, owner_of_source: tuple[bool, bool], proc_fd: int) -> None:
    """Copy the tree below the directory `source` into `target`; both are descriptors, no link is followed.

    `owner_of_source`: whether the top directory takes the user and the group of the image's.
    """
    try:
        reopened = posix.open(".", posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC, dir_fd=source)
        try:
            _tree(reopened, target, proc_fd)
            _owner(reopened, target, owner_of_source)
        finally:
            posix.close(reopened)
    except OSError as error:
        raise SyscallError(error.errno or 0, "tmpcopyup") from None


class _Level(Record):
    """A directory whose entries are being copied."""

    left: list[str]
    source: tuple[int, int]
    target: tuple[int, int]


def _tree(source: int, target: int, proc_fd: int) -> None:
    """An image may nest as deep as it likes: neither calls nor descriptors grow with it."""
    source, target = posix.dup(source), posix.dup(target)
    try:
        levels = [_level(source, target)]
        above: list[tuple[str, posix.stat_result]] = []
        while levels:
            if levels[-1].left:
                name = levels[-1].left.pop()
                status = posix.stat(name, dir_fd=source, follow_symlinks=False)
                if not stat.S_ISDIR(status.st_mode):
                    _leaf(name, status, source, target, proc_fd)
                    continue
                posix.mkdir(name, 0o700, dir_fd=target)
                above.append((name, status))
                source, target = _step(source, name), _step(target, name)
                levels.append(_level(source, target))
                continue
            levels.pop()
            if levels:
                source, target = _step(source, ".."), _step(target, "..")
                if (_identity(source), _identity(target)) != (levels[-1].source, levels[-1].target):
                    raise OSError(errno.EAGAIN, "moved meanwhile")
                name, status = above.pop()
                _give(name, status, target)
    finally:
        posix.close(source)
        posix.close(target)


def _level(source: int, target: int) -> _Level:
    return _Level(left=posix.listdir(source), source=_identity(source), target=_identity(target))


def _identity(fd: int) -> tuple[int, int]:
    status = posix.fstat(fd)
    return status.st_dev, status.st_ino


def _step(fd: int, name: str) -> int:
    """Into `name` or back: a descriptor in the place of `fd`."""
    flags = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
    other = posix.open(name, flags, dir_fd=fd)
    posix.dup2(other, fd, inheritable=False)
    posix.close(other)
    return fd


def _leaf(name: str, status: posix.stat_result, source: int, target: int, proc_fd: int) -> None:
    if stat.S_ISREG(status.st_mode):
        _file(name, source, target, proc_fd)
    elif stat.S_ISLNK(status.st_mode):
        posix.symlink(posix.readlink(name, dir_fd=source), name, dir_fd=target)
    else:
        posix.mknod(name, status.st_mode, status.st_rdev, dir_fd=target)
    _give(name, status, target)


def _file(name: str, source: int, target: int, proc_fd: int) -> None:
    reader = _open_regular(name, source, proc_fd)
    writer = posix.open(
        name, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC, 0o600, dir_fd=target
    )
    try:
        while chunk := posix.read(reader, _CHUNK):
            write_all(writer, chunk)
    finally:
        posix.close(reader)
        posix.close(writer)


def _open_regular(name: str, source: int, proc_fd: int) -> int:
    """Looked at before it is opened: what was a file a moment ago may be a device now, and opening one is an act."""
    entry = posix.open(name, posix.O_PATH | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=source)
    try:
        if not stat.S_ISREG(posix.fstat(entry).st_mode):
            raise OSError(errno.EAGAIN, "changed meanwhile")
        return posix.open(f"self/fd/{entry}", posix.O_RDONLY | posix.O_CLOEXEC, dir_fd=proc_fd)
    finally:
        posix.close(entry)


def _give(name: str, status: posix.stat_result, target: int) -> None:
    posix.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        posix.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=target)


def _owner(source: int, target: int, owner_of_source: tuple[bool, bool]) -> None:
    """The top directory keeps the image's owner, unless the mount's `uid=` and `gid=` say otherwise; its mode is the
    mount's, which has the image's unless told another.
    """
    status = posix.fstat(source)
    uid = status.st_uid if owner_of_source[0] else -1
    gid = status.st_gid if owner_of_source[1] else -1
    reopened = posix.open(".", posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC, dir_fd=target)
    try:
        posix.fchown(reopened, uid, gid)
    finally:
        posix.close(reopened)
