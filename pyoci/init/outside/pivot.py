"""The rootfs becomes `/`, and the host's files go out of sight."""

from __future__ import annotations

import posix

from pyoci.errors import SyscallError
from pyoci.kernel import mount, uapi
from pyoci.kernel.beneath import Root
from pyoci.wire.plan import Plan


def apply(plan: Plan, root: Root) -> None:
    posix.fchdir(root.fd)
    if plan.rootfs.pivot == "pivot_root":
        _pivot_root()
    else:
        if plan.rootfs.pivot == "move":
            _move(root)
        posix.chroot(".")
    posix.chdir("/")


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
