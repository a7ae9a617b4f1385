"""`linux.readonlyPaths` (config-linux.md): a read-only mount of the path over itself; absent paths are skipped.

Done when nothing is made in the rootfs any more.
"""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import mount, uapi
from pyoci.kernel.beneath import Root
from pyoci.kernel.call import shown


def apply(paths: list[str], root: Root) -> None:
    if not paths:
        return
    top = posix.fstat(root.fd)
    for path in paths:
        target = root.find_for(path, "make read-only the path")
        if target is None:
            continue
        status = posix.fstat(target)
        if (status.st_ino, status.st_dev) == (top.st_ino, top.st_dev):
            # a mount over the root would be seen by none: the process has its root already
            mount.setattr(root.fd, set=uapi.MOUNT_ATTR_RDONLY)
        else:
            what = f"make path {shown(path)} read-only"
            tree = _copy(target, what)
            mount.setattr(tree, set=uapi.MOUNT_ATTR_RDONLY)
            mount.move(tree, target, what)
            posix.close(tree)
        posix.close(target)


def _copy(target: int, what: str) -> int:
    try:
        return mount.open_tree(target, "", recursive=True, what=what)
    except SyscallError as error:
        if error.errno != errno.EINVAL:
            raise
        raise SyscallError(error.errno, f"{what}: the mount that it lies in is unbindable") from None
