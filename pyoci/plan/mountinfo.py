"""/proc/PID/mountinfo as data: proc_pid_mountinfo(5)."""

from __future__ import annotations

from pyoci.record import Record


class MountPoint(Record):
    """One mount as the process sees it; `device` is MAJOR:MINOR of its superblock, `root` what it shows of that."""

    id: int
    parent: int
    device: str
    root: str
    path: str
    fstype: str


def parse(text: str) -> list[MountPoint]:
    """In the kernel's order: a mount comes after the one that it lies on."""
    mounts = []
    for line in filter(None, text.split("\n")):
        mount, _, rest = line.partition(" - ")
        fields = mount.split(" ")
        mounts.append(
            MountPoint(
                id=int(fields[0]),
                parent=int(fields[1]),
                device=fields[2],
                root=unescape(fields[3]),
                path=unescape(fields[4]),
                fstype=rest.split(" ", 1)[0],
            )
        )
    return mounts


def unescape(text: str) -> str:
    r"""What the kernel wrote as \040, \011, \012 and \134."""
    first, *rest = text.split("\\")
    return first + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)
