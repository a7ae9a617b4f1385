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
    """In the kernel's order: that in which they were made."""
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
    """The mounts that a path can reach, by their mount points: no other lies on them or above.

    In any order of theirs: one that was moved comes before the one that it lies on, if that is younger.
    """
    ids = {mount.id for mount in mounts}
    on: dict[int, list[MountPoint]] = {}
    for mount in mounts:
        on.setdefault(mount.parent if mount.parent != mount.id else -1, []).append(mount)
    pending = [mount for parent in on if parent not in ids for mount in on[parent]]
    reached = {}
    while pending:
        mount = pending.pop()
        children = on.get(mount.id, [])
        covers = [child for child in children if child.path == mount.path]
        if not covers:
            reached[mount.path] = mount
        pending += covers or [
            child for child in children if not any(child.path.startswith(f"{other.path}/") for other in children)
        ]
    return reached
