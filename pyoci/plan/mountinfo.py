"""/proc/PID/mountinfo as data: proc_pid_mountinfo(5)."""

from __future__ import annotations

from pyoci.kernel.uapi import unescape
from pyoci.record import Record


class MountPoint(Record):
    """One mount as the process sees it; `device` is MAJOR:MINOR of its superblock, `root` what it shows of that.

    `options` are those of the mount and of its superblock, such as ro and noexec.
    """

    id: int
    parent: int
    device: str
    root: str
    path: str
    fstype: str
    source: str = ""
    options: tuple[str, ...] = ()


def parse(text: str) -> list[MountPoint]:
    """In the kernel's order: a mount comes after the one that it lies on."""
    mounts = []
    for line in filter(None, text.split("\n")):
        mount, _, rest = line.partition(" - ")
        fields = mount.split(" ")
        fstype, source, superblock = [*rest.split(" "), "", ""][:3]
        mounts.append(
            MountPoint(
                id=int(fields[0]),
                parent=int(fields[1]),
                device=fields[2],
                root=unescape(fields[3]),
                path=unescape(fields[4]),
                fstype=fstype,
                source=unescape(source),
                options=(*fields[5].split(","), *superblock.split(",")),
            )
        )
    return mounts


def visible(mounts: list[MountPoint]) -> dict[str, MountPoint]:
    """The mounts that a path can reach, by their mount points: no other lies on them or above."""
    below: dict[int, list[MountPoint]] = {}
    for mount in mounts:
        below.setdefault(mount.parent, []).append(mount)
    covered = {mount.id for mount in mounts if any(other.path == mount.path for other in below.get(mount.id, ()))}
    unreachable: set[int] = set()
    paths = {mount.id: mount.path for mount in mounts}
    for mount in mounts:
        is_beneath = mount.parent in covered and paths[mount.parent] != mount.path
        is_beside = any(mount.path.startswith(f"{other.path.rstrip('/')}/") for other in below[mount.parent])
        if is_beneath or mount.parent in unreachable or (is_beside and mount.path != "/"):
            unreachable.add(mount.id)
    return {mount.path: mount for mount in mounts if mount.id not in covered | unreachable}
