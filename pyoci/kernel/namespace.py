"""Namespaces: setns(2), unshare(2), and what type a descriptor is of."""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError, UnsupportedError
from pyoci.kernel import uapi
from pyoci.kernel.call import SYS, syscall
from pyoci.kernel.mount import magic

_PLACE = "/linux/namespaces"


def open_path(path: str, kind: str) -> int:
    """A descriptor of the namespace at `path`, checked to be of type `kind` (config-linux.md, "Namespaces")."""
    try:
        # O_NONBLOCK: a FIFO in its place must not hang the runtime
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open {kind} namespace {path}").at(_PLACE) from None
    actual_type = namespace_type(fd)
    if actual_type != uapi.NAMESPACE_FLAGS[kind]:
        posix.close(fd)
        names = {flag: name for name, flag in uapi.NAMESPACE_FLAGS.items()}
        description = f"a namespace of type {names[actual_type]}" if actual_type else "not a namespace"
        raise UnsupportedError(f"join {kind} namespace {path}: it is {description}").at(_PLACE)
    return fd


def namespace_type(fd: int) -> int:
    """The CLONE_NEW* flag of the namespace that `fd` refers to, 0 when it is not a namespace."""
    if magic(fd) != uapi.NSFS_MAGIC:
        return 0
    try:
        return syscall(SYS["ioctl"], fd, uapi.NS_GET_NSTYPE)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOSYS):  # a filter's answer; nsfs does not refuse anybody
            raise SyscallError(error.errno, "ask for the type of a namespace (ioctl NS_GET_NSTYPE)") from None
        return 0


def join(fd: int, flag: int, what: str) -> None:
    try:
        syscall(SYS["setns"], fd, flag)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"join {what}").at(_PLACE) from None


def unshare(flags: int, what: str) -> None:
    try:
        syscall(SYS["unshare"], flags)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"unshare {what}").at(_PLACE) from None
