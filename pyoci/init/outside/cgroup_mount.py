"""Mounts of type cgroup, as `cgroups` describes them for the host's layout (wire.cgroup says what the fields mean)."""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import mount, uapi
from pyoci.kernel.beneath import Root
from pyoci.wire.cgroup import CgroupMount, CgroupMounts
from pyoci.wire.plan import Mount


def apply(entry: Mount, mounts: CgroupMounts, root: Root, what: str) -> None:
    target = root.make_directory(entry.destination)
    try:
        if not mounts.entries:
            _bind_host(entry, target, what)
        elif mounts.tmpfs:
            _hierarchies(entry, mounts, target, what)
        else:
            _attach(_open(mounts.entries[0], mounts.fresh), target, entry, what)
    finally:
        posix.close(target)


def _bind_host(entry: Mount, target: int, what: str) -> None:
    tree = mount.open_tree(uapi.AT_FDCWD, "/sys/fs/cgroup", recursive=True)
    mount.setattr(tree, set=uapi.MOUNT_ATTR_RDONLY, recursive=True)
    mount.move(tree, target, what)
    posix.close(tree)


def _hierarchies(entry: Mount, mounts: CgroupMounts, target: int, what: str) -> None:
    """v1: a tmpfs with a folder for each hierarchy, and the links that programs expect."""
    tmpfs = mount.filesystem("tmpfs", "tmpfs", (), (("mode", "755"),))
    mount.setattr(tmpfs, set=entry.attributes_set & ~uapi.MOUNT_ATTR_RDONLY)
    mount.move(tmpfs, target, what)
    for hierarchy in mounts.entries:
        posix.mkdir(hierarchy.name, 0o755, dir_fd=tmpfs)
        place = posix.open(
            hierarchy.name, posix.O_PATH | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=tmpfs
        )
        _attach(_open(hierarchy, mounts.fresh), place, entry, f"{what}/{hierarchy.name}")
        posix.close(place)
    for name, link_target in mounts.links:
        posix.symlink(link_target, name, dir_fd=tmpfs)
    if entry.attributes_set & uapi.MOUNT_ATTR_RDONLY:
        mount.setattr(tmpfs, set=uapi.MOUNT_ATTR_RDONLY)
    posix.close(tmpfs)


def _open(hierarchy: CgroupMount, fresh: bool) -> int:
    if fresh:
        options = tuple(
            (key, value if equals else None)
            for key, equals, value in (option.partition("=") for option in hierarchy.options.split(",") if option)
        )
        try:
            return mount.filesystem(hierarchy.fstype, hierarchy.fstype, (), options)
        except SyscallError as error:
            if error.errno not in (errno.EPERM, errno.EBUSY):
                raise
    return mount.open_tree(uapi.AT_FDCWD, hierarchy.host_path)


def _attach(tree: int, target: int, entry: Mount, what: str) -> None:
    if entry.attributes_set or entry.attributes_clear:
        mount.setattr(tree, set=entry.attributes_set, clear=entry.attributes_clear)
    mount.move(tree, target, what)
    posix.close(tree)
