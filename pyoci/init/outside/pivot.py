"""The rootfs becomes `/`, and the host's files go out of sight."""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError, UnsupportedError
from pyoci.init.outside.rootfs import UNDER_CHROOT
from pyoci.kernel import mount, namespace, procfs, uapi
from pyoci.kernel.beneath import Root
from pyoci.kernel.call import shown
from pyoci.wire.plan import Plan


def apply(plan: Plan, root: Root, proc_fd: int) -> None:
    posix.fchdir(root.fd)
    if plan.rootfs.pivot == "pivot_root":
        _pivot_root()
    else:
        if plan.rootfs.pivot == "move":
            _move(root, proc_fd)
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
        raise UnsupportedError(UNDER_CHROOT)


def _pivot_root() -> None:
    old = posix.open("/", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        mount.pivot_root_here()
        # The old root lies on top of the new one now. Its going is not heard on the host: rootfs.stop_propagation.
        posix.fchdir(old)
        mount.detach_here()
    finally:
        posix.close(old)


def _move(root: Root, proc_fd: int) -> None:
    """--no-pivot, for a root that cannot be pivoted from (an initramfs): move the rootfs over it.

    The old root stays below, and a procfs or a sysfs of the host would lead back to it: those go first.
    """
    rootfs = posix.readlink(f"self/fd/{root.fd}", dir_fd=proc_fd)
    for path in _kernel_filesystems(procfs.read_self(proc_fd, "mountinfo"), rootfs):
        _hide(path)
    posix.fchdir(root.fd)
    old = posix.open("/", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        mount.move(root.fd, old, "mount rootfs over /")
    finally:
        posix.close(old)


def _kernel_filesystems(mountinfo: str, rootfs: str) -> list[str]:
    """The mount points outside of the rootfs that show a whole procfs or sysfs, the last one first."""
    paths: list[str] = []
    for line in filter(None, mountinfo.split("\n")):
        fields, _, filesystem = line.partition(" - ")
        _, _, _, shows, path, *_ = fields.split(" ")
        path = uapi.unescape(path)
        is_whole = shows == "/" and filesystem.split(" ", 1)[0] in ("proc", "sysfs")
        if is_whole and not f"{path}/".startswith(f"{rootfs}/"):
            paths.insert(0, path)
    return paths


def _hide(path: str) -> None:
    """Unmount all that is stacked there.

    What the kernel holds in a user namespace (mount_namespaces(7), "Restrictions on mount namespaces") is covered, as
    with runc.
    """
    while True:
        try:
            fd = posix.open(path, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return  # no path leads there any more, or none that this user namespace may go
        try:
            if not mount.is_mount_root(fd):
                return
            posix.fchdir(fd)
            mount.detach_here(f"unmount {shown(path)} of the host")
        except SyscallError as error:
            if error.errno not in (errno.EINVAL, errno.EPERM):
                raise
            _cover(fd, path)
            return
        finally:
            posix.close(fd)


def _cover(fd: int, path: str) -> None:
    empty = mount.filesystem("tmpfs", "tmpfs", ("ro",), ())
    try:
        mount.move(empty, fd, f"cover {shown(path)} of the host")
    finally:
        posix.close(empty)
