"""The rootfs as a mount of the host's namespace, for a container that has no mount namespace of its own.

All mounts of the container lie in it, and it tells nobody of them, so that taking it away takes all of them: whoever
removes the rootfs afterwards does not remove through a /proc or a volume.
"""

from __future__ import annotations

import posix

from pyoci import log
from pyoci.errors import PyociError, SyscallError
from pyoci.kernel import mount, mount_place
from pyoci.kernel.call import shown
from pyoci.wire.plan import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.wire.inherited import Inherited


_DIRECTORY = posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC


def needed(plan: Plan) -> bool:
    """Not where the mount namespace is joined: init mounts there, and the mounts end with it."""
    return plan.rootfs.pivot == "chroot" and not plan.namespaces.joins("mount") and posix.geteuid() == 0


def attach(plan: Plan, inherited: Inherited, record: Callable[[int], None]) -> None:
    """Mount the rootfs over itself; `record` gets the number of the mount (kernel.mount.mount_id) before it is there.

    Whoever is killed in between leaves a record of what is not there, and no mount that nobody knows of.
    """
    path, propagation = plan.rootfs.path, plan.rootfs.host_propagation
    try:
        target = posix.open(path, _DIRECTORY)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open rootfs {shown(path)}").at("/root/path") from None
    try:
        tree = mount.open_tree(target, "", recursive=True, what=f"bind rootfs {shown(path)}")
        mount.setattr(tree, propagation=propagation, recursive=True)
        mount.setattr(tree, propagation=plan.rootfs.first_propagation)
        record(mount.mount_id(tree))
        mount.move(tree, target, f"mount rootfs {shown(path)}")
    finally:
        posix.close(target)
    inherited.rootfs_fd, inherited.rootfs_is_attached = tree, True


def detach(path: str, number: int) -> None:
    """Take that mount away, and no other that lies there now. A warning where that is not possible."""
    fd = _open(path, number)
    if fd is None:
        # The bundle was renamed, or a link of its path leads elsewhere now.
        fd = _open(mount_place.place(number) or "", number)
    if fd is None:
        _warn_of_hidden(number)
        return
    here = posix.open(".", _DIRECTORY)
    try:
        posix.fchdir(fd)
        mount.detach_here(f"unmount rootfs {shown(path)}")
    except (OSError, PyociError) as error:
        log.warning(str(error))
    finally:
        posix.fchdir(here)
        posix.close(here)
        posix.close(fd)


def _open(path: str, number: int) -> int | None:
    """The root of the mount with that number, if the path leads to it."""
    try:
        fd = posix.open(path, _DIRECTORY)
    except OSError:
        return None
    try:
        if mount.mount_id(fd) == number and mount.is_mount_root(fd):
            return fd
    except PyociError as error:
        log.warning(str(error))
    posix.close(fd)
    return None


def _warn_of_hidden(number: int) -> None:
    place = mount_place.place(number)
    if place is not None:
        log.warning(f"the container's mounts at {shown(place)} stay: another mount lies over them")
