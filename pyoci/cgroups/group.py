"""One group of one hierarchy: its path, and which directory that path stood for when the container was made.

A path alone names whoever is there now: a later container with the same cgroupsPath, or nobody. So the number of the
directory is kept, too, and compared before a process is killed or moved and before a directory is removed. The kernel
gives a number to one group of a hierarchy only, until it boots again (Linux 5.5, "kernfs: use 64bit inos if ino_t is
64bit"); `state` compares the boot.

Beside it each container's group has a mark that no container can forge, an extended attribute. By it `create` knows
the group of a container that has ended and was not deleted, and makes it again, and a container that is killed with all
groups below its own spares the groups of other containers that were made there.
"""

from __future__ import annotations

import errno
import posix
import time

from pyoci.cgroups import files
from pyoci.errors import CGROUP_FROZEN, CGROUP_NOT_EMPTY, CgroupError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MARK = "trusted.pyoci.container"  # xattr(7): only CAP_SYS_ADMIN of the initial user namespace sees or sets it
# A group that has just lost its last process stays busy until the kernel has torn the process down.
PATIENCE = 2.0


class Gone(CgroupError):
    """The group was removed, or its path is another group's by now."""


class Group:
    """A group of a container in one hierarchy.

    mount  where the hierarchy is mounted
    name   the group below it: `/a/b`
    inode  of its directory; 0 before it is made, or when `create` was killed before it could tell
    made   whether `create` made it; otherwise it was there before, and what is below it may be others'
    """

    __slots__ = ("_fd", "inode", "made", "mount", "name")

    def __init__(self, mount: str, name: str, inode: int = 0, made: bool = True) -> None:
        self.mount = mount
        self.name = name
        self.inode = inode
        self.made = made
        self._fd = -1

    @classmethod
    def from_saved(cls, saved: list[Any]) -> Group:
        mount, name, inode, made = saved
        if not (type(mount) is str and type(name) is str and type(inode) is int and type(made) is bool):
            raise ValueError
        return cls(mount, name, inode, made)

    def save(self) -> list[Any]:
        return [self.mount, self.name, self.inode, self.made]

    @property
    def path(self) -> str:
        return self.mount + self.name

    def open(self) -> int:
        """A descriptor of the very directory, owned by the caller. Raises Gone, CgroupError."""
        try:
            fd = posix.open(self.path, files.FOLDER)
        except OSError as error:
            if error.errno in files.GONE:
                raise Gone(f"cgroup {self.path}: it was removed") from None
            raise CgroupError(f"open cgroup {self.path}: {reason(error)}") from None
        if posix.fstat(fd).st_ino != self.inode:
            posix.close(fd)
            raise self._another()
        return fd

    def take(self) -> int:
        """The descriptor that `make` has kept, else as `open`; owned by the caller."""
        fd, self._fd = self._fd, -1
        return fd if fd >= 0 else self.open()

    def open_below(self, leaf: str) -> int:
        """A descriptor of the group `leaf` below this one, owned by the caller. Raises Gone, CgroupError."""
        here = self.open()
        for part in leaf.split("/"):
            try:
                below = posix.open(part, files.FOLDER, dir_fd=here)
            except OSError as error:
                raise CgroupError(f"open cgroup {self.path}/{leaf}: {reason(error)}") from None
            finally:
                posix.close(here)
            here = below
        return here

    def pids(self) -> list[int]:
        """Every process in the group and below it, sorted; none when it is gone. Raises CgroupError."""
        try:
            fd = self.open()
        except Gone:
            return []
        from pyoci.cgroups import members

        try:
            return members.pids(fd)
        finally:
            posix.close(fd)

    def has_others_below(self, fd: int) -> bool:
        """Whether groups below this one, open as `fd`, are not this container's: they have marks of others, or all of
        them may be, since the group was there before.
        """
        from pyoci.cgroups import walk

        if not walk.has_nested(fd):
            return False
        if not self.made:
            return True
        nested = walk.groups(fd)
        next(nested)
        return any(has_mark(group) for group in nested)

    def has_frozen_below(self) -> bool:
        """v1: whether a group below this one is frozen by itself. Raises CgroupError."""
        try:
            fd = self.open()
        except Gone:
            return False
        try:
            if posix.fstat(fd).st_nlink == 2:  # as `walk.has_nested`, which most containers do without
                return False
            from pyoci.cgroups import frozen_below

            return frozen_below.are_there(fd)
        finally:
            posix.close(fd)

    def is_there(self) -> bool:
        """Whether the path stands for the container's group."""
        try:
            return self.inode != 0 and posix.stat(self.path).st_ino == self.inode
        except OSError as error:
            if error.errno in files.GONE:
                return False
            raise CgroupError(f"look at cgroup {self.path}: {reason(error)}") from None

    def check(self) -> None:
        """Raise Gone unless the path stands for the container's group."""
        if not self.is_there():
            raise self._another()

    def _another(self) -> Gone:
        return Gone(f"cgroup {self.path}: it was removed, or replaced by somebody else, since the container was made")

    def is_in_use(self) -> bool:
        """Whether a process is in the group that the path stands for now, or below it. Raises CgroupError."""
        try:
            fd = posix.open(self.path, files.FOLDER)
        except OSError as error:
            if error.errno in files.GONE:
                return False
            raise CgroupError(f"open cgroup {self.path}: {reason(error)}") from None
        from pyoci.cgroups import members

        try:
            return bool(members.pids(fd))
        finally:
            posix.close(fd)

    def look_for_user(self) -> None:
        """Note whether the group is there already. Raises CgroupError when somebody uses it."""
        try:
            fd = posix.open(self.path, files.FOLDER)
        except OSError as error:
            if error.errno in files.GONE:
                self.made = True
                return
            raise CgroupError(f"open cgroup {self.path}: {reason(error)}") from None
        from pyoci.cgroups import members

        self.made = False
        try:
            processes = members.pids(fd)
            if processes:
                raise CgroupError(
                    f"{CGROUP_NOT_EMPTY}: {self.path} holds processes {processes[:5]}; choose another cgroupsPath"
                )
            if _is_frozen(fd):
                raise CgroupError(f"{CGROUP_FROZEN}: {self.path}; thaw it or choose another cgroupsPath")
        finally:
            posix.close(fd)

    def make(self, undo: list[str], in_use: bool = False) -> None:
        """Make the group and its parents; what was made is appended to `undo`.

        A group that is there is taken when nobody uses it (or with `in_use`, when systemd made it). Raises OSError,
        CgroupError.
        """
        self.made = _make(self.path, self.mount, undo)
        if not self.made and not in_use:
            self.look_for_user()
            if self._is_left_over():
                # Its number is in the state of another container, which may be deleted later.
                posix.rmdir(self.path)
                posix.mkdir(self.path, 0o755)
                self.made = True
        self._fd = posix.open(self.path, files.FOLDER)
        self.inode = posix.fstat(self._fd).st_ino

    def mark(self, container_id: str) -> None:
        """Write the container's name on the group that `make` has opened, where that is allowed."""
        try:
            posix.setxattr(self._fd, MARK, container_id.encode())
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EACCES, errno.ENOSPC):
                raise CgroupError(f"mark cgroup {self.path}: {reason(error)}") from None

    def _is_left_over(self) -> bool:
        """Whether the group is of a container that has ended: it has a mark, or marks cannot be read here."""
        from pyoci.cgroups import walk

        fd = posix.open(self.path, files.FOLDER)
        try:
            return not walk.has_nested(fd) and (has_mark(fd) or not _sees_marks(fd))
        finally:
            posix.close(fd)

    def remove(self, patience: float = PATIENCE) -> str:
        """Remove the group and those below it, never its parents; wait up to `patience` seconds for exiting processes.

        Returns why it stays, when it is not this container's alone: others' processes are in it or below it. No error
        when it is gone. Raises CgroupError when it is busy and nobody can be named.
        """
        if self._fd >= 0:
            posix.close(self.take())
        if not self.inode:
            return self._remove_unidentified(patience) if self.made else ""
        if not self.is_there() or _rmdir(self.path) in (0, errno.ENOENT):
            return ""
        try:
            fd = self.open()
        except Gone:
            return ""
        try:
            return self._remove_busy(fd, patience)
        finally:
            posix.close(fd)

    def _remove_unidentified(self, patience: float) -> str:
        """Of a create that was killed before it could tell the group's number: its init is exiting, if there is one."""
        deadline = time.monotonic() + patience
        while (number := _rmdir(self.path)) in files.BUSY:
            if time.monotonic() > deadline:
                return f"cgroup {self.path} stays: it is in use, and create was killed before it could tell its number"
            time.sleep(0.01)
        if number not in (0, *files.GONE):
            raise CgroupError(f"remove {self.path}: {reason(number)}")
        return ""

    def _remove_busy(self, fd: int, patience: float) -> str:
        from pyoci.cgroups import walk

        deadline = time.monotonic() + patience
        pause = 0.001
        while True:
            if self.made and walk.has_nested(fd):
                walk.remove_below(fd)
            number = _rmdir(self.path)
            if number in (0, errno.ENOENT):
                return ""
            if number not in files.BUSY:
                raise CgroupError(f"remove {self.path}: {reason(number)}")
            keeps_nested = not self.made and walk.has_nested(fd)
            if keeps_nested or time.monotonic() > deadline:
                return self._why_busy(fd)
            time.sleep(pause)
            pause = min(pause * 2, 0.1)

    def _why_busy(self, fd: int) -> str:
        from pyoci.cgroups import members, walk

        processes = members.pids(fd)
        if processes:
            return f"cgroup {self.path} stays: it holds processes that are not this container's: {processes[:5]}"
        if not self.made and walk.has_nested(fd):
            return f"cgroup {self.path} stays: it was there before the container, and there are groups below it"
        raise CgroupError(f"remove {self.path}: it is busy, and lists no process")


def has_mark(group: int) -> bool:
    """Whether a container was made with this group."""
    try:
        posix.getxattr(group, MARK)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM, *files.GONE):
            return False
        raise CgroupError(f"look for the mark of a cgroup: {reason(error)}") from None
    return True


def is_not_marked(group: int) -> bool:
    return not has_mark(group)


def _sees_marks(group: int) -> bool:
    """Whether marks can be read: without CAP_SYS_ADMIN in the initial user namespace there seem to be none."""
    try:
        posix.setxattr(group, MARK, b"")
        posix.removexattr(group, MARK)
    except OSError:
        return False
    return True


def remove_made(paths: list[str]) -> None:
    """Undo `make` after a failure; a group that somebody uses meanwhile stays. Raises CgroupError."""
    for path in reversed(paths):
        number = _rmdir(path)
        if number not in (0, errno.ENOENT, *files.BUSY):
            raise CgroupError(f"remove {path}: {reason(number)}")
    paths.clear()


def _rmdir(path: str) -> int:
    """0, or the number of the error."""
    try:
        posix.rmdir(path)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def is_frozen_v1(group: Group) -> bool:
    """Whether the group is frozen, or about to be, by itself or by a parent; not when its path is another's by now."""
    state = files.read_optional(f"{group.path}/freezer.state")
    return state is not None and state != "THAWED\n" and group.is_there()


def is_frozen_v2(group: Group) -> bool:
    """Whether the group stands still, by itself or by a parent; not when its path is another's by now."""
    # cgroup.events, not cgroup.freeze: a parent may be frozen, and freezing takes its time.
    events = files.read_optional(f"{group.path}/cgroup.events")
    return events is not None and "frozen 1" in events and group.is_there()


def _is_frozen(group: int) -> bool:
    for name, is_frozen in (
        ("freezer.state", lambda text: text != "THAWED\n"),
        ("cgroup.events", lambda text: "frozen 1" in text),
    ):
        try:
            if is_frozen(files.read_raw(name, group)):
                return True
        except OSError:
            continue
    return False


def _make(path: str, mount: str, new: list[str]) -> bool:
    """Make the group `path` and its parents below `mount`; whether the group itself is new. Raises OSError."""
    missing: list[str] = []
    while True:
        try:
            posix.mkdir(path, 0o755)
            new.append(path)
        except FileExistsError:
            if not missing:
                return False
        except FileNotFoundError:
            parent = path[: path.rindex("/")]
            if len(parent) <= len(mount):
                raise
            missing.append(path)
            path = parent
            continue
        if not missing:
            return True
        path = missing.pop()
