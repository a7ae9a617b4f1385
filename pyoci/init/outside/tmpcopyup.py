"""`tmpcopyup`: a tmpfs that starts with what the image has at its mount point (config.md, "Linux mount options")."""

from __future__ import annotations

import _stat as stat
import posix as os

from pyoci.errors import SyscallError

_CHUNK = 1 << 20
_DEPTH_MAX = 128


def copy(source: int, target: int) -> None:
    """Copy the tree below the directory `source` into `target`; both are descriptors, no link is followed."""
    try:
        reopened = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=source)
        try:
            _directory(reopened, target, 0)
            _owner(reopened, target)
        finally:
            os.close(reopened)
    except OSError as error:
        raise SyscallError(error.errno or 0, "tmpcopyup") from None


def _directory(source: int, target: int, depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise OSError(36, "File name too long")
    for name in os.listdir(source):
        found = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            os.mkdir(name, 0o700, dir_fd=target)
            _both(name, source, target, os.O_RDONLY | os.O_DIRECTORY, depth)
        elif stat.S_ISREG(found.st_mode):
            _file(name, source, target)
        elif stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        else:
            os.mknod(name, found.st_mode, found.st_rdev, dir_fd=target)
        _give(name, found, target)


def _both(name: str, source: int, target: int, flags: int, depth: int) -> None:
    inner_source = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
    inner_target = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=target)
    try:
        _directory(inner_source, inner_target, depth + 1)
    finally:
        os.close(inner_source)
        os.close(inner_target)


def _file(name: str, source: int, target: int) -> None:
    # O_NONBLOCK: what was a file a moment ago may be a FIFO now
    reader = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source)
    writer = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=target)
    try:
        while chunk := os.read(reader, _CHUNK):
            while chunk:
                chunk = chunk[os.write(writer, chunk) :]
    finally:
        os.close(reader)
        os.close(writer)


def _give(name: str, found: os.stat_result, target: int) -> None:
    os.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=target)


def _owner(source: int, target: int) -> None:
    """The top directory keeps the image's owner; its mode is the mount's, which has the image's unless told another."""
    found = os.fstat(source)
    reopened = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=target)
    try:
        os.fchown(reopened, found.st_uid, found.st_gid)
    finally:
        os.close(reopened)
