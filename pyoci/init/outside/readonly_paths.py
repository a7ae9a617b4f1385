"""`linux.readonlyPaths` (config-linux.md): a read-only mount of the path over itself; absent paths are skipped."""

from __future__ import annotations

import posix

from pyoci.kernel import mount, uapi
from pyoci.kernel.beneath import Root


def apply(paths: list[str], root: Root) -> None:
    for path in paths:
        target = root.find(path)
        if target is None:
            continue
        tree = mount.open_tree(target, "", recursive=True)
        mount.setattr(tree, set=uapi.MOUNT_ATTR_RDONLY)
        mount.move(tree, target, f"read-only path {path}")
        posix.close(tree)
        posix.close(target)
