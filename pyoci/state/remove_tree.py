"""Remove a folder that a container could write to: as deep as it likes, and links in it followed by nobody."""

from __future__ import annotations

import errno
import posix

_DIRECTORY = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


def remove_tree(name: str, dirfd: int) -> None:
    """Remove the folder `name` of `dirfd`. Neither calls nor descriptors grow with its depth. Raises OSError."""
    here = posix.open(name, _DIRECTORY, dir_fd=dirfd)
    try:
        way = [(name, _identity(here))]
        while True:
            inner = _empty(here)
            if inner:
                _step(here, inner)
                way.append((inner, _identity(here)))
                continue
            done, _ = way.pop()
            if not way:
                break
            _step(here, "..")
            if _identity(here) != way[-1][1]:
                raise OSError(errno.EAGAIN, "moved meanwhile")
            posix.rmdir(done, dir_fd=here)
    finally:
        posix.close(here)
    posix.rmdir(name, dir_fd=dirfd)


def _empty(fd: int) -> str:
    """Remove what is not a folder; the name of a folder that is left, or nothing."""
    with posix.scandir(fd) as entries:
        listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in listed:
        if not is_folder:
            posix.unlink(name, dir_fd=fd)
    return next((name for name, is_folder in listed if is_folder), "")


def _step(fd: int, name: str) -> None:
    other = posix.open(name, _DIRECTORY, dir_fd=fd)
    posix.dup2(other, fd, inheritable=False)
    posix.close(other)


def _identity(fd: int) -> tuple[int, int]:
    status = posix.fstat(fd)
    return status.st_dev, status.st_ino
