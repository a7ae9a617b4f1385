"""Mounts of type cgroup, as `cgroups` describes them for the host's layout (wire.cgroup says what the fields mean)."""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError
from pyoci.init.outside import places
from pyoci.init.outside.places import Places
from pyoci.kernel import mount, uapi
from pyoci.kernel.beneath import Root
from pyoci.wire.cgroup import CgroupMount, CgroupMounts
from pyoci.wire.plan import Mount

# What runc gives the tmpfs and the hierarchies of v1, whatever the config says
_V1_ATTRIBUTES = {
    uapi.MS_NOSUID: uapi.MOUNT_ATTR_NOSUID,
    uapi.MS_NODEV: uapi.MOUNT_ATTR_NODEV,
    uapi.MS_NOEXEC: uapi.MOUNT_ATTR_NOEXEC,
}


def apply(entry: Mount, mounts: CgroupMounts, root: Root, where: Places, what: str) -> int:
    """Mount them; a descriptor of the topmost, which lies at the destination."""
    target = root.make_directory(entry.destination)
    try:
        places.check(entry, -1, where.name(target), what)
        if not mounts.entries:
            return _bind_host(entry, target, what)
        if mounts.tmpfs:
            return _hierarchies(entry, mounts, target, what)
        return _attach(_open(mounts.entries[0], mounts.fresh), target, entry, entry.attributes_set, what)
    finally:
        posix.close(target)


def _bind_host(entry: Mount, target: int, what: str) -> int:
    """Read-only with all that is below it: these are the host's groups (CVE-2023-25809)."""
    tree = mount.open_tree(uapi.AT_FDCWD, "/sys/fs/cgroup", recursive=True)
    attributes = uapi.MOUNT_ATTR_RDONLY | entry.attributes_set | entry.recursive_set
    mount.setattr(tree, set=attributes, recursive=True)
    mount.move(tree, target, what)
    return tree


def _hierarchies(entry: Mount, mounts: CgroupMounts, target: int, what: str) -> int:
    """v1: a tmpfs with a folder for each hierarchy, and the links that programs expect."""
    attributes = entry.attributes_set
    for flag, attribute in _V1_ATTRIBUTES.items():
        if not entry.cleared_by_name & flag:
            attributes |= attribute
    # folders and links are made in it before it is read-only
    read_only = (attributes | entry.recursive_set) & uapi.MOUNT_ATTR_RDONLY
    tmpfs = mount.filesystem("tmpfs", "tmpfs", (), (("mode", "755"),), attributes & ~uapi.MOUNT_ATTR_RDONLY)
    mount.move(tmpfs, target, what)
    for hierarchy in mounts.entries:
        posix.mkdir(hierarchy.name, 0o755, dir_fd=tmpfs)
        place = posix.open(
            hierarchy.name, posix.O_PATH | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=tmpfs
        )
        tree = _open(hierarchy, mounts.fresh)
        posix.close(_attach(tree, place, entry, attributes, f"{what}/{hierarchy.name}"))
        posix.close(place)
    for name, link_target in mounts.links:
        posix.symlink(link_target, name, dir_fd=tmpfs)
    set_, clear = entry.recursive_set & ~uapi.MOUNT_ATTR_RDONLY | read_only, entry.recursive_clear
    if set_ or clear:
        mount.setattr(tmpfs, set=set_, clear=clear)
    return tmpfs


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


def _attach(tree: int, target: int, entry: Mount, attributes: int, what: str) -> int:
    if attributes or entry.attributes_clear:
        mount.setattr(tree, set=attributes, clear=entry.attributes_clear)
    if entry.recursive_set or entry.recursive_clear:
        mount.setattr(tree, set=entry.recursive_set, clear=entry.recursive_clear, recursive=True)
    mount.move(tree, target, what)
    return tree
