"""Flags of a bind mount in a user namespace: what its source has may not be undone (mount_namespaces(7)).

The kernel holds this for mounts that a user namespace has inherited. The runtime makes its copies outside, where
nothing is locked, so it has to hold it itself.
"""

from __future__ import annotations

import errno

from pyoci.errors import SyscallError
from pyoci.kernel import procfs, uapi
from pyoci.wire.plan import Mount

# statvfs(3) f_flag, flag of mount(2), MOUNT_ATTR_*, option; access times are one field, kept or changed as a whole
_LOCKED = (
    (0x1, uapi.MS_RDONLY, uapi.MOUNT_ATTR_RDONLY, "ro"),
    (0x2, uapi.MS_NOSUID, uapi.MOUNT_ATTR_NOSUID, "nosuid"),
    (0x4, uapi.MS_NODEV, uapi.MOUNT_ATTR_NODEV, "nodev"),
    (0x8, uapi.MS_NOEXEC, uapi.MOUNT_ATTR_NOEXEC, "noexec"),
    (0x400, uapi.MS_NOATIME, 0, "noatime"),
    (0x800, uapi.MS_NODIRATIME, 0, "nodiratime"),
    (0x1000, uapi.MS_RELATIME, 0, "relatime"),
)
_ST_NOATIME, _ST_NODIRATIME, _ST_RELATIME = 0x400, 0x800, 0x1000
_ACCESS_TIMES = uapi.MOUNT_ATTR__ATIME | uapi.MOUNT_ATTR_NODIRATIME


def attributes(entry: Mount, source_flags: int, what: str) -> tuple[int, int]:
    """(to set, to clear) of the entry's attributes over a source with `source_flags` (statvfs(3)).

    SyscallError with EPERM when an option undoes by name what is locked, or asks for other access times. What would be
    undone only since it is not named stays.
    """
    set_, clear = entry.attributes_set, entry.attributes_clear
    kept, undone = 0, ""
    for shown, flag, attribute, name in _LOCKED:
        if source_flags & shown:
            kept |= attribute
            if entry.cleared_by_name & flag:
                undone = undone or name
    other_times = bool(clear & uapi.MOUNT_ATTR__ATIME) and set_ & _ACCESS_TIMES != _access_times(source_flags)
    if not clear & kept and not other_times:
        return set_, clear
    if undone:
        raise SyscallError(errno.EPERM, f"{what}: clear locked flag {undone} of its source in a user namespace")
    if other_times:
        raise SyscallError(errno.EPERM, f"{what}: change locked access times of its source in a user namespace")
    return set_ | kept, clear & ~kept


def may_undo_below(entry: Mount) -> bool:
    """Whether its r* options undo something, which may be locked."""
    if entry.fstype == "sysfs":
        return False  # the host's, in place of a new one: all of its flags are the config's
    return bool(entry.recursive_clear or entry.recursive_set & _ACCESS_TIMES)


def refuse_below(entry: Mount, fd: int, top_flags: int | None, proc_fd: int, what: str) -> None:
    """SyscallError with EPERM when an r* option undoes what is locked in the attached mount that `fd` is the root of,
    or in one below it. They always name what they undo.

    `top_flags`: those that are locked of the mount itself; None: none. Of those below all are.
    """
    number = _mount_id(procfs.read_self(proc_fd, f"fdinfo/{fd}"))
    for flags in [*([] if top_flags is None else [top_flags]), *_below(procfs.read_self(proc_fd, "mountinfo"), number)]:
        for shown, _, attribute, name in _LOCKED:
            if flags & shown and entry.recursive_clear & attribute:
                raise SyscallError(errno.EPERM, f"{what}: clear locked flag {name} of its source in a user namespace")
        times = _access_times(flags)
        if times & ~(entry.recursive_clear & _ACCESS_TIMES) | entry.recursive_set & _ACCESS_TIMES != times:
            raise SyscallError(errno.EPERM, f"{what}: change locked access times of its source in a user namespace")


def _mount_id(fdinfo: str) -> int:
    """The number that mountinfo has for it: proc_pid_fdinfo(5)."""
    return int(fdinfo.partition("mnt_id:")[2].split()[0])


def _below(mountinfo: str, top: int) -> list[int]:
    """The flags of each mount below the one with the number `top`, as statvfs(3) has them."""
    flags: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for line in filter(None, mountinfo.split("\n")):
        mount, parent, _, _, _, words, *_ = line.split(" ")
        options = words.split(",")
        flags[int(mount)] = sum(shown for shown, _, _, name in _LOCKED if name in options)
        children.setdefault(int(parent), []).append(int(mount))
    numbers = list(children.get(top, ()))
    for number in numbers:  # it grows
        numbers += children.get(number, ())
    return [flags[number] for number in numbers]


def _access_times(source_flags: int) -> int:
    if source_flags & _ST_NOATIME:
        times = uapi.MOUNT_ATTR_NOATIME
    else:
        times = uapi.MOUNT_ATTR_RELATIME if source_flags & _ST_RELATIME else uapi.MOUNT_ATTR_STRICTATIME
    return times | (uapi.MOUNT_ATTR_NODIRATIME if source_flags & _ST_NODIRATIME else 0)
