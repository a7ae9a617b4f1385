"""The rootfs becomes `/`, and the host's files go out of sight."""

from __future__ import annotations

import posix

from pyoci.errors import SyscallError, UnsupportedError
from pyoci.kernel import mount, namespace, uapi
from pyoci.kernel.beneath import Root
from pyoci.wire.plan import Plan


def apply(plan: Plan, root: Root, proc_fd: int) -> None:
    posix.fchdir(root.fd)
    if plan.rootfs.pivot == "pivot_root":
        _pivot_root()
    else:
        if plan.rootfs.pivot == "move":
            _move(root)
        posix.chroot(".")
    posix.chdir("/")
    if "mount" in plan.namespaces.new:
        _check_root_of_namespace(proc_fd)


def _check_root_of_namespace(proc_fd: int) -> None:
    """A process that joins the mount namespace gets its root (mount_namespaces(7)), which must be the rootfs now.

    It is not where the runtime itself was under chroot(2): below the rootfs' own mount, the host's are left, and `exec`
    would arrive there.
    """
    here = posix.stat("/")
    namespace_fd = posix.open("self/ns/mnt", posix.O_RDONLY | posix.O_CLOEXEC, dir_fd=proc_fd)
    try:
        namespace.join(namespace_fd, uapi.CLONE_NEWNS, "the container's own mount namespace")
    finally:
        posix.close(namespace_fd)
    there = posix.stat("/")
    if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
        raise UnsupportedError(
            "pivot_root: the runtime is in a root of chroot(2), so that exec would arrive outside of "
            "the container; enter the root with pivot_root(2) instead of chroot(2)"
        )


def _pivot_root() -> None:
    old = posix.open("/", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        mount.pivot_root_here()
        # The old root lies on top of the new one now. Private: its going must not be heard on the host.
        posix.fchdir(old)
        mount.setattr(old, propagation=uapi.MS_PRIVATE, recursive=True)
        mount.detach_here()
    finally:
        posix.close(old)


def _move(root: Root) -> None:
    """--no-pivot, for a root that cannot be pivoted from (an initramfs): move the rootfs over it.

    The old root stays below and procfs would lead back to it, so the host's own mounts of it go first.
    """
    _unmount_kernel_filesystems()
    old = posix.open("/", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        mount.move(root.fd, old, "mount rootfs over /")
    finally:
        posix.close(old)


def _unmount_kernel_filesystems() -> None:
    here = posix.open(".", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    for path in ("/proc", "/sys"):
        try:
            posix.chdir(path)
            mount.detach_here()
        except (OSError, SyscallError):
            continue  # not a mount: nothing leads out through it
    posix.fchdir(here)
    posix.close(here)
