"""Copy on write over a root file system: overlay mounts (Documentation/filesystems/overlayfs.rst of the kernel).

They are made in a mount namespace of this process's own, so they end with it, however it ends.
"""

from __future__ import annotations

import errno
import os
import stat

from pyoci.errors import SyscallError
from pyoci.kernel import mount, namespace, uapi
from pyoci.record import Record
from pyoci.state.remove_tree import remove_tree

_UPPER = "upper"
_WORK = ".pyoci-try"  # removed at the end: no name that somebody could have given a folder of theirs


class Layers(Record):
    """A mount.

    rootfs   the container's root
    upper    where its changes are
    work     overlay's own folder, empty when the mounts are gone
    lower    the root that it lies over
    partial  an ordinary user may not lay one overlay over all: then each folder of the root has its own
    """

    rootfs: str
    upper: str
    work: str
    lower: str
    partial: bool = False


def enter_mount_namespace() -> None:
    """From here on nothing that this process mounts is seen outside."""
    namespace.unshare(uapi.CLONE_NEWNS, "mount namespace")
    fd = os.open("/", os.O_PATH | os.O_CLOEXEC)
    try:
        mount.setattr(fd, propagation=uapi.MS_PRIVATE, recursive=True)
    finally:
        os.close(fd)


def in_memory(place: str) -> None:
    """A tmpfs at `place`, for the upper layer. It counts against the memory of the container that writes to it."""
    _attach(mount.filesystem("tmpfs", "pyoci-try", (), (("mode", "755"),)), place)


def lay(lower: str, storage: str, rootfs: str, *, user: bool) -> Layers:
    """Mount `lower`, copy on write, at `rootfs`; changes go below `storage`. Raises SyscallError."""
    layers = Layers(rootfs=rootfs, upper=f"{storage}/{_UPPER}", work=f"{storage}/{_WORK}", lower=lower)
    for path in (layers.upper, layers.work):
        os.makedirs(path, mode=0o755, exist_ok=True)
    try:
        _overlay(lower, layers.upper, layers.work, rootfs, user)
    except SyscallError as error:
        # Where mounts of the host lie below it, a user namespace must not look behind them: has_locked_children of
        # fs/namespace.c. Folder by folder it may.
        if not user or error.errno != errno.EINVAL:
            raise
        layers.partial = True
        _lay_by_folder(layers)
    return layers


def _lay_by_folder(layers: Layers) -> None:
    """The upper layer itself is the root; on each of its folders lies the host's, copy on write.

    A folder with mounts of the host below it is shown read-only as a whole; files and links are copied.
    """
    _attach(mount.open_tree(uapi.AT_FDCWD, layers.upper), layers.rootfs)
    for name in sorted(os.listdir(layers.lower)):
        source, target = os.path.join(layers.lower, name), f"{layers.rootfs}/{name}"
        status = os.lstat(source)
        if stat.S_ISLNK(status.st_mode):
            if not os.path.lexists(target):
                os.symlink(os.readlink(source), target)
        elif stat.S_ISDIR(status.st_mode):
            os.makedirs(target, mode=0o755, exist_ok=True)
            if layers.lower != "/" or f"/{name}" not in _KERNEL:
                _lay_folder(layers, name)


_KERNEL = ("/dev", "/proc", "/sys", "/run", "/tmp")


def _lay_folder(layers: Layers, name: str) -> None:
    source, target = os.path.join(layers.lower, name), f"{layers.rootfs}/{name}"
    work = f"{layers.work}/{name}"
    os.makedirs(work, mode=0o755, exist_ok=True)
    try:
        _overlay(source, f"{layers.upper}/{name}", work, target, True)
    except SyscallError:
        try:
            tree = mount.open_tree(uapi.AT_FDCWD, source, recursive=True)
        except SyscallError:
            return  # not this user's to look at: it stays empty
        mount.setattr(tree, set=uapi.MOUNT_ATTR_RDONLY, recursive=True)
        _attach(tree, target)


def _overlay(lower: str, upper: str, work: str, target: str, user: bool) -> None:
    # By descriptor: a path could be longer than fsconfig(2) takes, or hold a colon, which separates layers.
    folders = [os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for path in (lower, upper, work)]
    try:
        names = ("lowerdir", "upperdir", "workdir")
        layers = tuple((name, f"/proc/self/fd/{fd}") for name, fd in zip(names, folders, strict=True))
        # In a user namespace the marks of overlay are in user.* instead of trusted.*
        options = (*layers, ("userxattr", None)) if user else layers
        _attach(mount.filesystem("overlay", "pyoci-try", (), options), target)
    finally:
        for fd in folders:
            os.close(fd)


def _attach(tree: int, place: str) -> None:
    target = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        mount.move(tree, target, place)
    finally:
        os.close(target)
        os.close(tree)


def foreign(storage: str) -> str:
    """Something in the folder that no earlier call has put there; empty without."""
    return next((name for name in sorted(os.listdir(storage)) if name not in (_UPPER, _WORK)), "")


def clear_work(storage: str) -> None:
    """Remove overlay's own folder, in which it makes others without any permission, and files to be moved.

    The container could have put links into them, which nobody follows.
    """
    fd = os.open(storage, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _WORK not in os.listdir(fd):
            return
        for _, names, _, folder in os.fwalk(_WORK, dir_fd=fd):
            for name in names:
                if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    os.chmod(name, 0o700, dir_fd=folder)
        remove_tree(_WORK, fd)
    finally:
        os.close(fd)
