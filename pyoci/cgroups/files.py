"""Files and folders of a cgroup file system, with errors that name the file and the value."""

from __future__ import annotations

import errno
import posix
import time

from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# A group that has just lost its last process stays busy until the kernel has torn the process down.
_REMOVE_SECONDS = 2.0
_GONE = (errno.ENOENT, errno.ENODEV)  # the group was removed; ENODEV: while the file was open


def reason(error: OSError) -> str:
    """An error number in words and by name."""
    number = error.errno or 0
    return f"{posix.strerror(number).lower()} ({errno.errorcode.get(number, number)})"


def read(path: str) -> str:
    """The whole file. Raises CgroupError."""
    try:
        return read_raw(path)
    except OSError as error:
        raise CgroupError(f"read {path}: {reason(error)}") from None


def is_group(path: str) -> bool:
    """Whether there is a group at `path`."""
    return posix.access(f"{path}/.", posix.F_OK)


def read_raw(path: str) -> str:
    """The whole file. Raises OSError."""
    fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        data = b""
        while part := posix.read(fd, 65536):
            data += part
        return data.decode("ascii", "surrogateescape")
    finally:
        posix.close(fd)


def read_optional(path: str) -> str | None:
    """The whole file, None when it (or the group) is not there. Raises CgroupError."""
    try:
        return read_raw(path)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise CgroupError(f"read {path}: {reason(error)}") from None


def count(path: str, name: str) -> int:
    """The number in the line `name NUMBER` of a file, 0 when there is none."""
    for line in (read_optional(path) or "").splitlines():
        key, _, number = line.partition(" ")
        if key == name:
            return int(number)
    return 0


def write(path: str, text: str) -> None:
    """Write one value in one go. Raises CgroupError."""
    try:
        write_raw(path, text)
    except OSError as error:
        raise CgroupError(f"write {text!r} to {path}: {reason(error)}") from None


def write_raw(path: str, text: str) -> None:
    """Write one value in one go. Raises OSError."""
    fd = posix.open(path, posix.O_WRONLY | posix.O_CLOEXEC)
    try:
        # An empty value is a line feed: write(2) of nothing does not reach the kernel's handler.
        posix.write(fd, text.encode("utf-8", "surrogateescape") or b"\n")
    finally:
        posix.close(fd)


def make(path: str, mount: str, made: list[str]) -> bool:
    """Make the group `path` and its parents below `mount`; those that were made are appended to `made`.

    Returns whether the group itself is new. Raises OSError.
    """
    try:
        posix.mkdir(path, 0o755)
    except FileExistsError:
        return False
    except FileNotFoundError:
        parent = path[: path.rindex("/")]
        if len(parent) <= len(mount):
            raise
        make(parent, mount, made)
        return make(path, mount, made)
    made.append(path)
    return True


def remove_made(made: list[str]) -> None:
    """Undo `make` after a failure; a group that somebody uses meanwhile stays."""
    for path in reversed(made):
        try:
            posix.rmdir(path)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EBUSY, errno.ENOTEMPTY):
                raise CgroupError(f"remove {path}: {reason(error)}") from None
    made.clear()


def nested(path: str) -> Iterator[str]:
    """The group and all below it, parents first; nothing when it is gone."""
    try:
        # kernfs counts the folders in a folder as links: most containers have no nested groups, and reading
        # the folder would list some forty files.
        if posix.stat(path).st_nlink > 2:
            with posix.scandir(path) as found:
                below = [item.path for item in found if item.is_dir(follow_symlinks=False)]
        else:
            below = []
    except OSError as error:
        if error.errno in _GONE:
            return
        raise CgroupError(f"list {path}: {reason(error)}") from None
    yield path
    for child in below:
        yield from nested(child)


def pids(path: str) -> list[int]:
    """Every process in the group and below it, sorted."""
    found: set[int] = set()
    for group in nested(path):
        try:
            text = read_raw(f"{group}/cgroup.procs")
        except OSError as error:
            if error.errno in _GONE:
                continue
            if error.errno == errno.EOPNOTSUPP:  # a threaded group: its processes are listed above it
                continue
            raise CgroupError(f"read {group}/cgroup.procs: {reason(error)}") from None
        found.update(int(pid) for pid in text.split())
    found.discard(0)  # a process that this PID namespace cannot see
    return sorted(found)


def remove(path: str) -> None:
    """Remove the group and all below it; waits a while for processes that are about to be gone.

    Raises CgroupError that names the processes that are still there.
    """
    deadline = 0.0
    pause = 0.001
    while True:
        try:
            posix.rmdir(path)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
                raise CgroupError(f"remove {path}: {reason(error)}") from None
        if _remove_below(path):
            continue
        now = time.monotonic()
        deadline = deadline or now + _REMOVE_SECONDS
        if now > deadline:
            raise CgroupError(f"remove {path}: it is busy; processes in it: {pids(path) or 'none'}")
        time.sleep(pause)
        pause = min(pause * 2, 0.1)


def _remove_below(path: str) -> bool:
    """Remove the nested groups; whether there were any and all are gone."""
    groups = list(nested(path))[1:]
    for group in reversed(groups):
        try:
            posix.rmdir(group)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno in (errno.EBUSY, errno.ENOTEMPTY):
                return False
            raise CgroupError(f"remove {group}: {reason(error)}") from None
    return bool(groups)
