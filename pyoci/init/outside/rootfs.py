"""The rootfs becomes a mount of its own (config.md, "Root"; config-linux.md, "Rootfs Mount Propagation")."""

from __future__ import annotations

import posix

from pyoci.errors import SyscallError
from pyoci.kernel import mount, uapi
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import Plan


def attach(plan: Plan, inherited: Inherited) -> int:
    """A descriptor of the rootfs, mounted over itself in the container's mount namespace."""
    if plan.rootfs.pivot == "chroot":
        return _directory(plan.rootfs.path)
    stop_propagation()
    target = _directory(plan.rootfs.path)
    tree = inherited.rootfs_fd
    if tree < 0:
        tree = mount.open_tree(uapi.AT_FDCWD, plan.rootfs.path, recursive=True)
    if plan.rootfs.propagation in ("private", "unbindable"):
        # made so before anything is mounted below: an unbindable tree could not be copied any more
        mount.setattr(tree, propagation=uapi.MS_PRIVATE)
    mount.move(tree, target, f"rootfs {plan.rootfs.path}")
    posix.close(target)
    return tree


def stop_propagation() -> None:
    """Everything in this mount namespace hears of the host's mounts at most, and tells the host of none."""
    root = posix.open("/", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    mount.setattr(root, propagation=uapi.MS_SLAVE, recursive=True)
    posix.close(root)


def _directory(path: str) -> int:
    try:
        return posix.open(path, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open rootfs {path}") from None
