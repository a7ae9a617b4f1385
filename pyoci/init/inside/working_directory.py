"""`process.cwd`: made where missing (not by exec), entered as the user, and checked to be inside (CVE-2024-21626)."""

from __future__ import annotations

import errno
import posix

from pyoci.errors import ContainerError, SyscallError
from pyoci.kernel import process as call
from pyoci.kernel.beneath import Root
from pyoci.kernel.call import shown
from pyoci.wire.plan import Process


def make(process: Process, root: Root) -> None:
    """Make it where it is missing; one that is there, or cannot be made, is for `enter` to judge."""
    if root.find(process.cwd) is None:
        posix.close(root.make_directory(process.cwd))


def require(process: Process, root: Root) -> None:
    """It must be there, and no magic link may lead to it: the kernel would follow /proc/self/fd/N in `chdir`."""
    fd = root.find(process.cwd)
    if fd is None:
        raise SyscallError(errno.ENOENT, f"chdir to cwd {shown(process.cwd)!r}")
    posix.close(fd)


def enter_early(process: Process) -> bool:
    """Enter as root what the user may not search itself, as runc does; False: try again as the user."""
    try:
        posix.chdir(process.cwd)
    except OSError:
        return False
    check_inside(process.cwd)
    return True


def enter(process: Process) -> None:
    try:
        posix.chdir(process.cwd)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"chdir to cwd {shown(process.cwd)!r}") from None
    check_inside(process.cwd)


def check_inside(path: str) -> None:
    """Raise ContainerError when the working directory is outside of the root."""
    try:
        is_inside = call.is_reachable()
    except OSError as error:
        raise SyscallError(error.errno or 0, f"check cwd {shown(path)!r}") from None
    if not is_inside:
        raise ContainerError(f"cwd {shown(path)!r} is outside of the container's root: refusing to run there")
