"""`tmpcopyup`: a tmpfs that starts with what the image has at its mount point (config.md, "Linux mount options")."""

from __future__ import annotations

import _stat as stat
import posix

from pyoci.errors import SyscallError

_CHUNK = 1 << 20
_DEPTH_MAX = 128


def copy(source: int, target: int) -> None:
    """Copy the tree below the directory `source` into `target`; both are descriptors, no link is followed."""
    try:
        reopened = posix.open(".", posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC, dir_fd=source)
        try:
            _directory(reopened, target, 0)
            _owner(reopened, target)
        finally:
            posix.close(reopened)
    except OSError as error:
        raise SyscallError(error.errno or 0, "tmpcopyup") from None


def _directory(source: int, target: int, depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise OSError(36, "File name too long")
    for name in posix.listdir(source):
        found = posix.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            posix.mkdir(name, 0o700, dir_fd=target)
            _both(name, source, target, posix.O_RDONLY | posix.O_DIRECTORY, depth)
        elif stat.S_ISREG(found.st_mode):
            _file(name, source, target)
        elif stat.S_ISLNK(found.st_mode):
            posix.symlink(posix.readlink(name, dir_fd=source), name, dir_fd=target)
        else:
            posix.mknod(name, found.st_mode, found.st_rdev, dir_fd=target)
        _give(name, found, target)


def _both(name: str, source: int, target: int, flags: int, depth: int) -> None:
    inner_source = posix.open(name, flags | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=source)
    inner_target = posix.open(name, flags | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=target)
    try:
        _directory(inner_source, inner_target, depth + 1)
    finally:
        posix.close(inner_source)
        posix.close(inner_target)


def _file(name: str, source: int, target: int) -> None:
    # O_NONBLOCK: what was a file a moment ago may be a FIFO now
    reader = posix.open(name, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC, dir_fd=source)
    writer = posix.open(
        name, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC, 0o600, dir_fd=target
    )
    try:
        while chunk := posix.read(reader, _CHUNK):
            while chunk:
                chunk = chunk[posix.write(writer, chunk) :]
    finally:
        posix.close(reader)
        posix.close(writer)


def _give(name: str, found: posix.stat_result, target: int) -> None:
    posix.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        posix.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=target)


def _owner(source: int, target: int) -> None:
    """The top directory keeps the image's owner; its mode is the mount's, which has the image's unless told another."""
    found = posix.fstat(source)
    reopened = posix.open(".", posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC, dir_fd=target)
    try:
        posix.fchown(reopened, found.st_uid, found.st_gid)
    finally:
        posix.close(reopened)
