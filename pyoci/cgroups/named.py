"""A group in the hierarchy `name=systemd` of cgroup v1, on a host of v2: for a container with a systemd before 226.

crun's annotation run.oci.systemd.force_cgroup_v1 asks for it. The hierarchy has no controllers: limits stay in v2.
"""

from __future__ import annotations

import posix

from pyoci.cgroups import FORCE_V1, files, hierarchies
from pyoci.cgroups.group import Group
from pyoci.errors import CgroupError, reason

_HIERARCHY = "name=systemd"
_FILES = ("", "/cgroup.procs", "/tasks")


def find(name: str) -> Group:
    """The group `name` there; nothing is made yet. Raises CgroupError where the hierarchy is not mounted."""
    for hierarchy in hierarchies.mounted():
        if hierarchy.controllers == _HIERARCHY:
            group = Group(hierarchy.mount, name)
            group.look_for_user()
            return group
    place = "/sys/fs/cgroup/systemd"
    raise CgroupError(
        f"annotation {FORCE_V1}: the host must have the hierarchy {_HIERARCHY} mounted: mkdir {place}; "
        f"mount -t cgroup -o none,{_HIERARCHY},xattr cgroup {place}"
    )


def make(group: Group, undo: list[str], owner: tuple[int, int] | None) -> None:
    """Make the group, for `owner` (uid, gid) if there is one. Raises CgroupError."""
    try:
        group.make(undo)
        if owner is not None:
            for name in _FILES:
                posix.chown(group.path + name, *owner)
    except OSError as error:
        raise CgroupError(f"make cgroup {group.path}: {reason(error)}") from None


def add(group: Group, pid: int) -> None:
    """Move a process in. Raises CgroupError."""
    group.check()
    files.write(f"{group.path}/cgroup.procs", str(pid))
