"""`process.cwd`: made where missing (not by exec), entered as the user, and checked to be inside (CVE-2024-21626).

It is found beneath the root and entered by its descriptor: chdir(2) would follow /proc/self/fd/N.
"""

from __future__ import annotations

import errno
import posix

from pyoci.errors import ContainerError, SyscallError
from pyoci.kernel import process as kernel_process
from pyoci.kernel.beneath import Root
from pyoci.kernel.call import shown
from pyoci.wire.plan import Process

_PLACE = "/process/cwd"
# What another user's rights would not change. Others are tried again as the user: who may pass a folder, or see a
# file system (FUSE), when root may not.
_FINAL = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


def make(process: Process, root: Root) -> None:
    """Make it where it is missing; one that is there, or cannot be made, is for `enter` to judge."""
    try:
        fd = root.find(process.cwd)
        if fd is None:
            fd = root.make_directory(process.cwd)
    except SyscallError as error:
        raise SyscallError(error.errno, f"make cwd {shown(process.cwd)!r}").at(_PLACE) from None
    posix.close(fd)


def enter_early(process: Process, root: Root) -> bool:
    """Enter as root what the user may not search itself, as runc does; False: try again as the user."""
    try:
        enter(process, root)
    except SyscallError as error:
        if error.errno in _FINAL:
            raise
        return False
    return True


def enter(process: Process, root: Root) -> None:
    try:
        fd = root.open(process.cwd, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except SyscallError as error:
        raise _refused(process, error.errno) from None
    try:
        posix.fchdir(fd)
    except OSError as error:
        raise _refused(process, error.errno or 0) from None
    finally:
        posix.close(fd)
    check_inside(process.cwd)


def check_inside(path: str) -> None:
    """Raise ContainerError when the working directory is outside of the root."""
    try:
        is_inside = kernel_process.is_reachable()
    except OSError as error:
        raise SyscallError(error.errno or 0, f"check cwd {shown(path)!r}") from None
    if not is_inside:
        raise ContainerError(f"cwd {shown(path)!r} is outside of the container's root: refusing to run there")


def _refused(process: Process, number: int) -> SyscallError:
    """The beginning is runc's, for those who search for it."""
    return SyscallError(number, f'chdir to cwd ("{shown(process.cwd)}") failed').at(_PLACE)
