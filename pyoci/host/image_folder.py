"""The folders of a checkpoint: where criu writes its images and its log, and reads them from.

Images are memory, credentials and open files: whoever can change them decides what root restores. And criu opens the
files in a folder by their names, links followed. So a folder or a file that others may write to is refused, a folder
that has links in it, and a parent whose way leads through a folder where others could exchange it.
"""

from __future__ import annotations

import _stat as stat
import posix

from pyoci import log
from pyoci.errors import CriuError, SyscallError, UnsupportedError, reason
from pyoci.kernel import write_all
from pyoci.plan import criu

DEFAULT = "checkpoint"  # the images of a checkpoint that names no folder
PARENT = "parent"  # the link that criu makes to the images of the pre-dump before
_NAMES = (PARENT, criu.DUMP_LOG, criu.DESCRIPTORS_FILE, "stats-dump", "irmap-cache")  # those that do not end in .img
_YARD = ".criu.cgyard."
_ACL = "system.posix_acl_access"
_PARENTS_MAX = 64
_STEPS_MAX = 256
_FLAGS = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC


class Folder:
    """An open folder. `fd` is good until `close`."""

    __slots__ = ("_before", "_made", "fd", "path")

    def __init__(self, path: str, fd: int, new_folders: list[str]) -> None:
        self.path = path
        self.fd = fd
        self._made = new_folders
        self._before = self._look()

    def close(self) -> None:
        if self.fd >= 0:
            posix.close(self.fd)
            self.fd = -1

    def undo(self, keep: str = "") -> None:
        """Remove each file of criu's or ours that came or changed since it was opened, except `keep`.

        Others may write to the folder meanwhile, for it is the caller's. The folder itself goes if we made it.
        """
        try:
            now = self._look()
            for name, facts in now.items():
                if name != keep and self._before.get(name) != facts and _is_of_a_checkpoint(name):
                    posix.unlink(name, dir_fd=self.fd)
        except OSError as error:
            log.warning(f"remove what the failed checkpoint left in {self.path}: {reason(error)}")
        for path in reversed(self._made):
            try:
                posix.rmdir(path)
            except OSError:
                return  # somebody has put something there

    def unlink(self, name: str) -> None:
        """Remove a file, that criu may make it again: it would follow a link of that name."""
        try:
            posix.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise SyscallError(error.errno or 0, f"remove {self.path}/{name}") from None

    def remove_yards(self) -> None:
        """Remove the empty folders that a killed criu leaves: it mounts its view of the cgroups on one."""
        for name in posix.listdir(self.fd):
            if name.startswith(_YARD):
                try:
                    posix.rmdir(name, dir_fd=self.fd)
                except OSError as error:
                    log.warning(f"remove {self.path}/{name}: {reason(error)}")

    def write(self, name: str, data: bytes) -> None:
        self.unlink(name)
        try:
            fd = posix.open(
                name, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o600, dir_fd=self.fd
            )
            try:
                write_all(fd, data)
            finally:
                posix.close(fd)
        except OSError as error:
            raise SyscallError(error.errno or 0, f"write {self.path}/{name}") from None

    def read(self, name: str, limit: int) -> bytes | None:
        """A file's content, None when it is not there. Raises CriuError for one that is larger, SyscallError."""
        try:
            fd = posix.open(
                name, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC, dir_fd=self.fd
            )
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SyscallError(error.errno or 0, f"read {self.path}/{name}") from None
        try:
            if posix.fstat(fd).st_size > limit:
                raise CriuError(f"read {self.path}/{name}: larger than {limit} bytes")
            return posix.read(fd, limit)
        finally:
            posix.close(fd)

    def check_files(self) -> None:
        """Raise UnsupportedError unless all that criu may open in here, and in the parents, is a plain file."""
        fd, path = posix.dup(self.fd), self.path
        try:
            for _ in range(_PARENTS_MAX):
                if not _check_entries(fd, path):
                    return
                check_way(fd, PARENT, f"image folder {path}/{PARENT}")
                upper = _open_parent(fd, path)
                posix.close(fd)
                fd, path = upper, f"{path}/{PARENT}"
            raise UnsupportedError(f"image folder {self.path}: more than {_PARENTS_MAX} parents")
        finally:
            posix.close(fd)

    def _look(self) -> dict[str, tuple[int, int, int]]:
        files = {}
        for name in posix.listdir(self.fd):
            facts = posix.stat(name, dir_fd=self.fd, follow_symlinks=False)
            if not stat.S_ISDIR(facts.st_mode):
                files[name] = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
        return files


def _is_of_a_checkpoint(name: str) -> bool:
    return name.endswith(".img") or name in _NAMES


def make(path: str, what: str) -> Folder:
    """The folder at `path`, made with its parents where it is missing. Raises SyscallError, UnsupportedError."""
    new_folders: list[str] = []
    try:
        _make_missing(path, new_folders)
        return _open(path, what, new_folders)
    except BaseException:
        for folder in reversed(new_folders):
            posix.rmdir(folder)
        raise


def open(path: str, what: str) -> Folder:
    """The folder at `path`. Raises SyscallError, UnsupportedError."""
    return _open(path, what, [])


def remove_yards(path: str) -> None:
    """Those of a restore that was killed. What cannot be removed is a warning."""
    try:
        folder = open(path, "work folder")
    except (SyscallError, UnsupportedError) as error:
        log.debug(str(error))  # it may be gone, or somebody else's by now
        return
    try:
        folder.remove_yards()
    finally:
        folder.close()


def _open(path: str, what: str, new_folders: list[str]) -> Folder:
    try:
        fd = posix.open(path, _FLAGS)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open {what} {path}") from None
    try:
        _check_owner(fd, f"{what} {path}")
        return Folder(path, fd, new_folders)
    except BaseException:
        posix.close(fd)
        raise


def _make_missing(path: str, new_folders: list[str]) -> None:
    missing = []
    while path and not posix.access(path, posix.F_OK):
        missing.append(path)
        path = path.rstrip("/").rpartition("/")[0]
    for folder in reversed(missing):
        try:
            posix.mkdir(folder, 0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise SyscallError(error.errno or 0, f"make folder {folder}") from None
        new_folders.append(folder)


def check_way(start: int, way: str, what: str) -> None:
    """Raise UnsupportedError where another user could lead the path `way`, from the folder `start`, elsewhere.

    criu follows it later on. All folders that it goes through must be root's or ours, or keep what is in them by the
    sticky bit, and so must be all links on it. SyscallError when it leads nowhere.
    """
    names = _names(way)
    fd = posix.open("/" if way.startswith("/") else ".", _FLAGS, dir_fd=start)
    try:
        for _ in range(_STEPS_MAX):
            if not names:
                return
            name = names.pop(0)
            folder = posix.fstat(fd)
            entry = posix.stat(name, dir_fd=fd, follow_symlinks=False)
            is_kept = bool(folder.st_mode & stat.S_ISVTX) and _is_trusted(entry.st_uid)
            if not _is_trusted(folder.st_uid) or (_others_write(folder, fd) and not is_kept and name != ".."):
                raise UnsupportedError(f"{what}: another user may change where {way!r} leads, at {name!r}")
            if not stat.S_ISLNK(entry.st_mode):
                below = posix.open(name, _FLAGS | posix.O_NOFOLLOW, dir_fd=fd)
            else:
                target = posix.readlink(name, dir_fd=fd)
                names = _names(target) + names
                below = posix.open("/" if target.startswith("/") else ".", _FLAGS, dir_fd=fd)
            posix.close(fd)
            fd = below
        raise UnsupportedError(f"{what}: {way!r} has more than {_STEPS_MAX} steps")
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open {what}") from None
    finally:
        posix.close(fd)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _is_trusted(uid: int) -> bool:
    return uid in (0, posix.geteuid())


def _others_write(facts: posix.stat_result, place: int | str) -> bool:
    """`place`: a descriptor of it, or a path that leads to it."""
    if facts.st_mode & 0o002:
        return True
    # where there is an access control list, the group's bits are the most that any user in it has (acl(5))
    return bool(facts.st_mode & 0o020) and (facts.st_gid != 0 or _has_list(place))


def _has_list(place: int | str) -> bool:
    try:
        return bool(posix.getxattr(place, _ACL, follow_symlinks=isinstance(place, int)))
    except OSError:
        return False  # ENODATA; EOPNOTSUPP: a file system without them


def _check_owner(fd: int, what: str) -> None:
    _check_facts(posix.fstat(fd), fd, what)


def _check_facts(facts: posix.stat_result, place: int | str, what: str) -> None:
    if not _is_trusted(facts.st_uid):
        raise UnsupportedError(
            f"{what}: it belongs to user {facts.st_uid}, who could change what root restores; chown it to root"
        )
    if _others_write(facts, place):
        raise UnsupportedError(f"{what}: others may write to it (mode {facts.st_mode & 0o7777:04o}); chmod go-w it")


def _check_entries(fd: int, path: str) -> bool:
    """Whether there is a parent."""
    has_parent = False
    for name in posix.listdir(fd):
        facts = posix.stat(name, dir_fd=fd, follow_symlinks=False)
        kind = stat.S_IFMT(facts.st_mode)
        if name == PARENT and kind in (stat.S_IFLNK, stat.S_IFDIR):
            has_parent = True
        elif kind not in (stat.S_IFREG, stat.S_IFDIR):
            raise UnsupportedError(
                f"image folder {path}: {name!r} is not a plain file; criu would follow it, so it must not be there"
            )
        elif kind == stat.S_IFREG:
            _check_facts(facts, f"/proc/self/fd/{fd}/{name}", f"image folder {path}: {name!r}")
    return has_parent


def _open_parent(fd: int, path: str) -> int:
    try:
        upper = posix.open(PARENT, _FLAGS, dir_fd=fd)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open {path}/{PARENT}") from None
    try:
        _check_owner(upper, f"image folder {path}/{PARENT}")
    except BaseException:
        posix.close(upper)
        raise
    return upper
