"""`linux.readonlyPaths` (config-linux.md): a read-only mount of the path over itself; absent paths are skipped.

Done when nothing is made in the rootfs any more.
"""

from __future__ import annotations

import posix

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
            tree = mount.open_tree(target, "", recursive=True)
            mount.setattr(tree, set=uapi.MOUNT_ATTR_RDONLY)
            mount.move(tree, target, f"make path {shown(path)} read-only")
            posix.close(tree)
        posix.close(target)
