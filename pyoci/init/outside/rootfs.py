"""The rootfs becomes a mount of its own (config.md, "Root"; config-linux.md, "Rootfs Mount Propagation")."""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError, UnsupportedError
from pyoci.kernel import mount
from pyoci.kernel.call import shown
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import Plan

UNDER_CHROOT = (
    "pivot_root: the runtime is in a root of chroot(2), so that exec would arrive outside of "
    "the container; enter the root with pivot_root(2) instead of chroot(2)"
)


def attach(plan: Plan, inherited: Inherited) -> int:
    """A descriptor of the rootfs, mounted over itself in the container's mount namespace."""
    if inherited.rootfs_is_attached:
        return inherited.rootfs_fd
    if plan.rootfs.pivot != "chroot":
        stop_propagation(plan.rootfs.host_propagation)
    target = open_directory(plan.rootfs.path)
    try:
        tree = inherited.rootfs_fd
        if tree < 0:
            try:
                tree = mount.open_tree(target, "", recursive=True, what=f"bind rootfs {shown(plan.rootfs.path)}")
            except SyscallError as error:
                if error.errno != errno.EPERM or plan.rootfs.pivot != "chroot":
                    raise
                # a mount namespace that this user rules nothing in: what needs no mount works
                return posix.dup(target)
        attach_tree(plan, tree, target)
        return tree
    finally:
        posix.close(target)


def attach_tree(plan: Plan, tree: int, target: int) -> None:
    """Mount the detached copy over the folder that it is a copy of."""
    rootfs = plan.rootfs
    if rootfs.pivot == "chroot":
        # a mount namespace with others in it: nothing that is mounted in the rootfs is to be heard of elsewhere
        mount.setattr(tree, propagation=rootfs.host_propagation, recursive=True)
    mount.setattr(tree, propagation=rootfs.first_propagation)
    mount.move(tree, target, f"mount rootfs {shown(rootfs.path)}")


def stop_propagation(propagation: int) -> None:
    """All mounts in this mount namespace receive the host's mounts at most, and pass none on to the host."""
    root = posix.open("/", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        mount.setattr(root, propagation=propagation, recursive=True)
    except SyscallError as error:
        if error.errno != errno.EINVAL or mount.is_mount_root(root):
            raise
        raise UnsupportedError(UNDER_CHROOT) from None
    finally:
        posix.close(root)


def open_directory(path: str) -> int:
    try:
        return posix.open(path, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open rootfs {shown(path)}").at("/root/path") from None
