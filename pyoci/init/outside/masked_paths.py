"""`linux.maskedPaths` (config-linux.md): files show the null device, directories an empty read-only tmpfs.

Done while the host's files are still visible, because the null device must be the host's: a /dev/null of the image
could be a link to anything (CVE-2025-31133). Its mount is read-only, which lets everybody write to the device, and
nobody change its mode, owner or times: they are those of the host's file.
"""

from __future__ import annotations

import _stat as stat
import posix

from pyoci.errors import UnsupportedError
from pyoci.kernel import mount, streams, uapi
from pyoci.kernel.beneath import Root
from pyoci.kernel.call import shown


def apply(paths: list[str], label: str, root: Root) -> None:
    if not paths:
        return
    null = _open_null(root)
    top = posix.fstat(root.fd)
    empty = device = -1
    for path in paths:
        target = root.find_for(path, "mask path")
        if target is None:
            continue
        status = posix.fstat(target)
        if (status.st_ino, status.st_dev) == (top.st_ino, top.st_dev):
            raise UnsupportedError(f"masked path {shown(path)}: it leads to the root, which cannot be masked")
        what = f"mask path {shown(path)}"
        # the first of a kind is set up, the others are copies of it, which is attached by then
        if stat.S_ISDIR(status.st_mode):
            tree = mount.open_tree(empty, "", what=what) if empty >= 0 else _empty_directory(label)
            first, empty = empty < 0, tree if empty < 0 else empty
        else:
            tree = mount.open_tree(device, "", what=what) if device >= 0 else _null_device(null)
            first, device = device < 0, tree if device < 0 else device
        mount.move(tree, target, what)
        if not first:
            posix.close(tree)
        posix.close(target)
    for fd in (null, empty, device):
        if fd >= 0:
            posix.close(fd)


def _open_null(root: Root) -> int:
    try:
        null: int | None = posix.open("/dev/null", posix.O_PATH | posix.O_NOFOLLOW | posix.O_CLOEXEC)
    except FileNotFoundError:
        null = root.find("/dev/null")  # a host without it: the container has one by default
    if null is None or not streams.is_null(posix.fstat(null)):
        raise UnsupportedError("mask paths: /dev/null must be the null device, on the host or in the container")
    return null


def _null_device(null: int) -> int:
    tree = mount.open_tree(null, "", what="mask paths: bind /dev/null")
    mount.setattr(tree, set=uapi.MOUNT_ATTR_RDONLY, propagation=uapi.MS_PRIVATE)
    return tree


def _empty_directory(label: str) -> int:
    options: tuple[tuple[str, str | None], ...] = (("mode", "755"), ("nr_inodes", "2"))
    if label:
        options += (("context", label),)
    attributes = uapi.MOUNT_ATTR_RDONLY | uapi.MOUNT_ATTR_NOSUID | uapi.MOUNT_ATTR_NODEV | uapi.MOUNT_ATTR_NOEXEC
    return mount.filesystem("tmpfs", "tmpfs", (), options, attributes)
