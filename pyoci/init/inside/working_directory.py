"""`process.cwd`: made where missing (not by exec), entered as the user, and checked to be inside (CVE-2024-21626).

It is found beneath the root and entered by its descriptor: chdir(2) would follow /proc/self/fd/N.
"""

from __future__ import annotations

import errno
import posix

from pyoci.errors import ContainerError, SyscallError
from pyoci.kernel import mount, uapi
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


def enter_early(process: Process, root: Root, *, for_another: bool = False) -> bool:
    """Enter as root what the user may not search itself, as runc does; False: try again as the user."""
    try:
        enter(process, root, for_another=for_another)
    except SyscallError as error:
        if error.errno in _FINAL:
            raise
        return False
    return True


def enter(process: Process, root: Root, *, for_another: bool = False) -> None:
    """`for_another`: the program will be another process, a child of this one."""
    try:
        fd = root.open(process.cwd, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except SyscallError as error:
        raise _refused(process, error.errno) from None
    try:
        posix.fchdir(fd)
        entered = check_inside(process.cwd)
        if for_another:
            _refuse_own_folder(process, entered, fd)
    except OSError as error:
        raise _refused(process, error.errno or 0) from None
    finally:
        posix.close(fd)


def check_inside(path: str) -> bytes:
    """Its path in the root; ContainerError when the working directory is outside of the root."""
    try:
        entered = kernel_process.working_directory()
    except OSError as error:
        raise SyscallError(error.errno or 0, f"check cwd {shown(path)!r}") from None
    if not entered:
        raise ContainerError(f"cwd {shown(path)!r} is outside of the container's root: refusing to run there")
    return entered


def _refuse_own_folder(process: Process, entered: bytes, fd: int) -> None:
    """The program of `exec` is another process than the one that enters: /proc/self would be a dead one's."""
    names = entered.split(b"/")
    if not any(map(bytes.isdigit, names)) or b"%d" % posix.getpid() not in names:
        return
    if mount.magic(fd) == uapi.PROC_SUPER_MAGIC:
        raise ContainerError(
            f"cwd {shown(process.cwd)!r} is the folder of a process that ends before the program begins"
        )


def _refused(process: Process, number: int) -> SyscallError:
    """The beginning is runc's, for those who search for it."""
    return SyscallError(number, f'chdir to cwd ("{shown(process.cwd)}") failed').at(_PLACE)
