"""`linux.maskedPaths` (config-linux.md): files show the null device, directories an empty read-only tmpfs.

Done while the host's files are still visible, because the null device must be the host's: a /dev/null of the image
could be a link to anything (CVE-2025-31133).
"""

from __future__ import annotations

import _stat as stat
import posix as os

from pyoci.errors import UnsupportedError
from pyoci.kernel import mount, uapi
from pyoci.kernel.beneath import Root

_NULL = os.makedev(1, 3)


def apply(paths: list[str], label: str, root: Root) -> None:
    if not paths:
        return
    null = _open_null()
    empty = -1
    for path in paths:
        target = root.find(path)
        if target is None:
            continue
        if not stat.S_ISDIR(os.fstat(target).st_mode):
            tree = mount.open_tree(null, "")
        elif empty < 0:
            tree = empty = _empty_directory(label)
        else:
            tree = mount.open_tree(empty, "")  # a copy of the first one, which is attached: one superblock for all
        mount.move(tree, target, f"masked path {path}")
        if tree != empty:
            os.close(tree)
        os.close(target)
    os.close(null)
    if empty >= 0:
        os.close(empty)


def _open_null() -> int:
    fd = os.open("/dev/null", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    if os.fstat(fd).st_rdev != _NULL:
        raise UnsupportedError("mask paths: the host's /dev/null is not the null device")
    return fd


def _empty_directory(label: str) -> int:
    options: tuple[tuple[str, str | None], ...] = (("mode", "755"), ("nr_inodes", "2"))
    if label:
        options += (("context", label),)
    tree = mount.filesystem("tmpfs", "tmpfs", (), options)
    mount.setattr(
        tree,
        set=uapi.MOUNT_ATTR_RDONLY | uapi.MOUNT_ATTR_NOSUID | uapi.MOUNT_ATTR_NODEV | uapi.MOUNT_ATTR_NOEXEC,
    )
    return tree
