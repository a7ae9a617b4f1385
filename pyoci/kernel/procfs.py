"""procfs that can be trusted: never the one that an image or a mount could have shaped (CVE-2025-52881).

`open_root` gives the host's procfs, checked to be one; everything below it is opened without crossing a mount
and without following a link, so a file that was bind-mounted over is refused instead of written to.
"""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError, UnsupportedError
from pyoci.kernel import read_all, uapi
from pyoci.kernel.beneath import openat2
from pyoci.kernel.call import shown
from pyoci.kernel.mount import magic

_STRICT = uapi.RESOLVE_BENEATH | uapi.RESOLVE_NO_XDEV | uapi.RESOLVE_NO_SYMLINKS


def open_root() -> int:
    """A descriptor of /proc, checked to be the root of a procfs, and one that has the numbers of processes as we do.

    That of another PID namespace (unshare(1) without --mount-proc) has other processes under them.
    """
    fd = posix.open("/proc", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    if magic(fd) != uapi.PROC_SUPER_MAGIC or posix.fstat(fd).st_ino != uapi.PROC_ROOT_INO:
        posix.close(fd)
        raise SyscallError(errno.ENODEV, "open /proc: it is not a procfs; mount one there")
    number, pid = _self(fd), str(posix.getpid())
    if number != pid:
        posix.close(fd)
        raise UnsupportedError(
            f"/proc has {number or 'no process'} for this process, which is {pid}: it is of another PID namespace;"
            " mount one of pyoci's there (mount -t proc proc /proc)"
        )
    return fd


def _self(proc_fd: int) -> str:
    """The number of this process there; empty in a PID namespace beside ours, or below it."""
    try:
        return posix.readlink("self", dir_fd=proc_fd)
    except FileNotFoundError:
        return ""


def is_of_another_namespace(tree: int) -> bool:
    """Whether the mount is a procfs in which this process has no number: of a PID namespace beside or below ours."""
    return magic(tree) == uapi.PROC_SUPER_MAGIC and not _self(tree)


def open_file(proc_fd: int, path: str, flags: int) -> int:
    """A file of procfs itself, e.g. `sys/net/ipv4/ip_forward`."""
    return openat2(proc_fd, path, flags | posix.O_NOFOLLOW, _STRICT)


def open_link(proc_fd: int, path: str) -> int:
    """Open the target of a magic link of procfs, e.g. `PID/ns/mnt`; the way there is without links."""
    directory, _, name = path.rpartition("/")
    parent = open_file(proc_fd, directory, posix.O_PATH | posix.O_DIRECTORY)
    try:
        return posix.open(name, posix.O_RDONLY | posix.O_CLOEXEC, dir_fd=parent)
    finally:
        posix.close(parent)


def open_self(proc_fd: int, path: str, flags: int) -> int:
    """A file of this process; `self` is read, since its number differs from PID namespace to PID namespace."""
    return open_file(proc_fd, f"{posix.readlink('self', dir_fd=proc_fd)}/{path}", flags)


def real_path(path: str) -> str:
    """The directory's path without links, as the kernel sees it. Raises OSError."""
    fd = posix.open(path, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        return posix.readlink(f"/proc/self/fd/{fd}")
    finally:
        posix.close(fd)


def read_self(proc_fd: int, path: str) -> str:
    """A file of this process, as a whole."""
    fd = open_self(proc_fd, path, posix.O_RDONLY)
    try:
        return read_all(fd).decode("utf-8", "surrogateescape")
    finally:
        posix.close(fd)


def write_self(proc_fd: int, path: str, text: str) -> None:
    """Write one value to a file of this process."""
    _write(open_self(proc_fd, path, posix.O_WRONLY), f"/proc/self/{path}", text)


def write(proc_fd: int, path: str, text: str) -> None:
    """Write one value to a file of procfs, e.g. a sysctl or /proc/PID/uid_map."""
    _write(open_file(proc_fd, path, posix.O_WRONLY), f"/proc/{path}", text)


def _write(fd: int, name: str, text: str) -> None:
    # An empty value is a line feed: write(2) of nothing does not reach the kernel's handler.
    data = text.encode() or b"\n"
    try:
        # A table of numbers takes as many as it has, and leaves the rest of the value: proc_dointvec of the kernel.
        if posix.write(fd, data) != len(data):
            raise OSError(errno.EINVAL, "")
    except OSError as error:
        raise SyscallError(error.errno or 0, f"write {shown(text.strip())!r} to {name}") from None
    finally:
        posix.close(fd)
