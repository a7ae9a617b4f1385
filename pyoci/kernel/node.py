"""Device nodes and their owners."""

from __future__ import annotations

import posix

from pyoci.errors import SyscallError
from pyoci.kernel import uapi
from pyoci.kernel.call import SYS, syscall


def make(dirfd: int, name: str, mode: int, device: int, what: str) -> None:
    """mknod(2) in the directory `dirfd`; the umask has to be 0."""
    try:
        posix.mknod(name, mode, device, dir_fd=dirfd)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"make device {what}") from None


def give(fd: int, uid: int, gid: int, what: str) -> None:
    """Set the owner of what the O_PATH descriptor `fd` stands for."""
    try:
        syscall(SYS["fchownat"], fd, b"", uid, gid, uapi.AT_EMPTY_PATH)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"set owner {uid}:{gid} of {what}") from None


def set_mode(fd: int, mode: int, proc_fd: int, what: str) -> None:
    """Set the permissions of what the O_PATH descriptor `fd` stands for; `proc_fd` is a procfs (kernel.procfs)."""
    try:
        posix.chmod(f"self/fd/{fd}", mode, dir_fd=proc_fd)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"set mode {mode:04o} of {what}") from None
