"""The folder of a container's entry: --root/ID.

rename(2) makes a write whole, and a new entry too: `create` fills --root/@ID and renames it, so an entry that others
see has its record. flock(2) on the folder puts `create`, `start` and `delete` in order. Everything is reached through
the folder's descriptor, so that an entry that is removed and made again meanwhile is never taken for its predecessor.
"""

from __future__ import annotations

import errno
import posix
import time

from pyoci.errors import ContainerExists, ContainerNotFound, InvalidId, StateError, SyscallError, reason
from pyoci.kernel import read_all, write_all
from pyoci.state import model
from pyoci.state.model import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

STATE_FILE = "state.json"
CONFIG_FILE = "config.json"
START_SOCKET = "start"
EXIT_FILE = "exit"  # how a supervised container ended (host/supervise.py); empty before
READINESS_FOLDER = "notify"  # host/readiness.py; the container sees it
NEXT_CONFIG_FILE = "config.json.next"  # what it becomes once the mounts have changed (host/mounts.py)
FREEZER_LOCK = "freezer"  # state/freezer_lock.py
NAMES = (STATE_FILE, CONFIG_FILE, START_SOCKET, EXIT_FILE, READINESS_FOLDER, NEXT_CONFIG_FILE, FREEZER_LOCK)

_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+.-")
_MAX_ID = 255  # NAME_MAX: an ID is the name of a folder
_PATIENCE = 10.0  # seconds; a `start` may wait for hooks, a stopped process never ends
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)  # rename(2) onto what is not an empty folder
_NO_FILE = (errno.ELOOP, errno.ENXIO)  # open(2) of a link with O_NOFOLLOW, of a socket
_FOLDER = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


def check_id(container_id: str) -> None:
    """Raise InvalidId unless `container_id` can be a name in the store: no separators, not `.` or `..`."""
    if not container_id:
        raise InvalidId("container id cannot be empty")
    if len(container_id) > _MAX_ID:
        raise InvalidId(f"container id {container_id[:40]!r}...: longer than {_MAX_ID} characters")
    if container_id in (".", "..") or not _ID_CHARACTERS.issuperset(container_id):
        raise InvalidId(f"invalid container ID format: {container_id!r}: only letters, digits and _ + . - are allowed")


class Store:
    """All containers under one --root."""

    __slots__ = ("root",)

    def __init__(self, root: str) -> None:
        self.root = root if root.startswith("/") else f"{posix.getcwd()}/{root}"

    def reserve(self, container_id: str) -> Entry:
        """Take `container_id` for a new container; of two callers at once one gets ContainerExists.

        The entry is locked, and invisible to others until `Entry.publish`. Raises InvalidId, StateError when the
        store cannot be written.
        """
        check_id(container_id)
        if _is_taken(f"{self.root}/{container_id}"):
            raise ContainerExists(container_id)
        path = _place_while_made(self.root, container_id)
        is_new = self._make_folder(container_id, path)
        try:
            entry = Entry(container_id, self.root, posix.open(path, _FOLDER), path)
        except FileNotFoundError:
            raise ContainerExists(container_id) from None  # it was published since
        except OSError as error:
            raise StateError(f"make {self.root}/{container_id}: {reason(error)}") from None
        try:
            if not (entry.try_lock() and entry.is_at(path)):
                raise ContainerExists(container_id)
            if not is_new or not entry.is_ours():  # a user who may write to the state root can have exchanged it
                _cold().take_over(entry)
        except BaseException:
            entry.close()
            raise
        return entry

    def _make_folder(self, container_id: str, path: str) -> bool:
        """False when the folder is there already: of another `create`, or of one that was killed."""
        try:
            try:
                posix.mkdir(path, 0o700)
            except FileNotFoundError:
                # The sticky bit keeps off whoever tidies XDG_RUNTIME_DIR (XDG base directory specification).
                from os import makedirs

                try:
                    makedirs(self.root, 0o1700, exist_ok=True)
                except FileExistsError:
                    raise StateError(f"make {self.root}: it is a link to a folder that is not there") from None
                posix.mkdir(path, 0o700)
        except FileExistsError:
            return False
        except OSError as error:
            raise StateError(f"make {self.root}/{container_id}: {reason(error)}{_cold().hint(error)}") from None
        return True

    def open(self, container_id: str) -> Entry:
        """The entry of a container that is the caller's. Raises ContainerNotFound, InvalidId, StateError."""
        entry = self.look(container_id)
        if not entry.is_ours():
            _cold().refuse(entry)
        return entry

    def look(self, container_id: str) -> Entry:
        """`open` for what only shows the container: it may be another user's."""
        check_id(container_id)
        path = f"{self.root}/{container_id}"
        try:
            return Entry(container_id, self.root, posix.open(path, _FOLDER), path)
        except FileNotFoundError:
            raise ContainerNotFound(container_id) from None
        except OSError as error:
            raise StateError(f"open {path}: {reason(error)}{_cold().hint(error)}") from None

    def remove_half_made(self, container_id: str) -> None:
        """Remove what a `create` that was killed before it published its entry has left. Raises StateError."""
        path = _place_while_made(self.root, container_id)
        try:
            entry = Entry(container_id, self.root, posix.open(path, _FOLDER), path)
        except OSError:
            return  # there is none: the usual case
        with entry:
            if entry.try_lock() and entry.is_at(path):
                entry.remove()

    def ids(self) -> list[str]:
        """The IDs of all entries, sorted; also of broken ones."""
        try:
            with posix.scandir(self.root) as entries:
                return sorted(item.name for item in entries if _is_entry(item))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StateError(f"list {self.root}: {reason(error)}{_cold().hint(error)}") from None


class Entry:
    """One container's folder, held open by `dirfd` until `close` (or the end of a `with`)."""

    __slots__ = ("dirfd", "id", "path", "place", "root")

    def __init__(self, container_id: str, root: str, dirfd: int, place: str) -> None:
        self.id = container_id
        self.root = root
        self.path = f"{root}/{container_id}"
        self.dirfd = dirfd
        self.place = place  # where the folder is: elsewhere than at `path` until it is published

    def __enter__(self) -> Entry:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder and the lock."""
        if self.dirfd >= 0:
            posix.close(self.dirfd)
            self.dirfd = -1

    def lock(self) -> None:
        """Wait until nobody else works on this container; ContainerNotFound when it was deleted meanwhile.

        StateError when somebody works on it for longer than _PATIENCE. Children made by fork share the lock and keep
        it until they close `dirfd` (execve does); so a process that outlives the command must not be made while it is
        held.
        """
        end = None
        while not self.try_lock():
            now = time.monotonic()
            end = end or now + _PATIENCE
            if now > end:
                from pyoci.state import lock_holder

                raise StateError(f"lock container {self.id}: {lock_holder.words(self.dirfd)} for {_PATIENCE:.0f} s")
            time.sleep(0.002)
        if self.is_removed():
            raise ContainerNotFound(self.id)

    def lock_unless_gone(self) -> bool:
        """`lock`; False when somebody else has deleted the container: its ID and its cgroup may be another's by now."""
        try:
            self.lock()
        except ContainerNotFound:
            return False
        return True

    def try_lock(self) -> bool:
        """Lock without waiting; False when somebody else works on this container."""
        import fcntl  # a shared object that `state` and `kill` do without

        try:
            fcntl.flock(self.dirfd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise SyscallError(error.errno or 0, f"lock {self.path} (flock)") from None
        return True

    def unlock(self) -> None:
        """Let others work on this container."""
        import fcntl

        fcntl.flock(self.dirfd, fcntl.LOCK_UN)

    def is_removed(self) -> bool:
        """Whether the folder was deleted since it was opened."""
        try:
            return posix.fstat(self.dirfd).st_nlink == 0
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ESTALE):  # of FUSE, of NFS
                raise
            return True

    def is_at(self, path: str) -> bool:
        """Whether the folder is still the one of that name."""
        try:
            status = posix.stat(path, follow_symlinks=False)
            opened = posix.fstat(self.dirfd)
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == (opened.st_dev, opened.st_ino)

    def is_ours(self) -> bool:
        """Whether the folder is the caller's own, and nobody else may write to it."""
        status = posix.fstat(self.dirfd)
        return status.st_uid == posix.geteuid() and not status.st_mode & 0o022

    def publish(self) -> None:
        """Let others find the entry, with all that was written. Raises ContainerExists, StateError."""
        try:
            # An empty folder in its place is replaced: of a `delete` that was killed before its last step.
            posix.rename(self.place, self.path)
        except OSError as error:
            if error.errno in _TAKEN:
                raise ContainerExists(self.id) from None
            raise StateError(f"make {self.path}: {reason(error)}") from None
        self.place = self.path

    def read(self) -> State:
        """The container's state.

        Raises ContainerNotFound when the entry was deleted, StateError when the file is missing or not as written;
        both say what to do. SyscallError when it cannot be read just now (memory, descriptors): the container is whole.
        """
        data = self.read_file(STATE_FILE)
        try:
            state = model.from_bytes(data, f"{self.path}/{STATE_FILE}")
            if state.id != self.id:
                raise StateError(f"{self.path}/{STATE_FILE}: belongs to container {state.id!r}")
        except StateError as error:
            raise StateError(f"{error}; {self._way_out()}") from None
        return state

    def write(self, state: State) -> None:
        """Replace the container's state, whole or not at all. Raises StateError."""
        self.write_file(STATE_FILE, model.to_bytes(state))

    def read_file(self, name: str) -> bytes:
        """The content of a file of this entry. Raises as `read` does."""
        try:
            # O_NONBLOCK: a FIFO in its place must not hold the command up.
            flags = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC
            fd = posix.open(name, flags, dir_fd=self.dirfd)
        except FileNotFoundError:
            # `delete` removes the record last of all, and then the empty folder
            if self.is_removed() or (name == STATE_FILE and not posix.listdir(self.dirfd)):
                raise ContainerNotFound(self.id) from None
            raise StateError(f"read {self.path}/{name}: no such file; {self._way_out()}") from None
        except OSError as error:
            if error.errno not in _NO_FILE:
                raise SyscallError(error.errno or 0, f"read {self.path}/{name}") from None
            raise StateError(f"read {self.path}/{name}: {reason(error)}; {self._way_out()}") from None
        try:
            return self._read_all(fd, name)
        except OSError as error:
            raise SyscallError(error.errno or 0, f"read {self.path}/{name}") from None
        finally:
            posix.close(fd)

    def write_file(self, name: str, data: bytes, mode: int = 0o600) -> None:
        """Write a file of this entry, whole or not at all. Raises StateError."""
        # Not synced to disk: nothing in here has a meaning after a crash of the machine.
        temporary = f".{name}.{posix.getpid()}"
        flags = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_CLOEXEC
        try:
            fd = posix.open(temporary, flags, mode, dir_fd=self.dirfd)
            try:
                write_all(fd, data)
            finally:
                posix.close(fd)
            posix.rename(temporary, name, src_dir_fd=self.dirfd, dst_dir_fd=self.dirfd)
        except OSError as error:
            try:
                self._unlink(temporary)
            except OSError:
                pass  # as read-only as the rest
            raise StateError(f"write {self.path}/{name}: {reason(error)}") from None

    def make_folder(self, name: str) -> None:
        """A folder that every user may look into, who can reach it. Raises StateError."""
        try:
            posix.mkdir(name, dir_fd=self.dirfd)
            posix.chmod(name, 0o755, dir_fd=self.dirfd)
        except OSError as error:
            raise StateError(f"make {self.path}/{name}: {reason(error)}") from None

    def unlink(self, name: str) -> None:
        """Remove a file of this entry; it may be missing. Raises StateError."""
        try:
            self._unlink(name)
        except OSError as error:
            raise StateError(f"remove {self.path}/{name}: {reason(error)}") from None

    def remove(self) -> None:
        """Delete the entry and free its ID, the state last: `delete` must know what it was. Raises StateError."""
        try:
            for name in self._names():
                if name == READINESS_FOLDER:
                    from pyoci.state.remove_tree import remove_tree  # only where there is that folder

                    # A container that may mount can write in this folder, and make folders.
                    remove_tree(READINESS_FOLDER, self.dirfd)
                elif name != STATE_FILE:
                    self._unlink(name)
            self._unlink(STATE_FILE)
            # Another folder in this place is of a `create` that has replaced ours, and not empty.
            if not self.is_removed():
                posix.rmdir(self.place)
        except OSError as error:
            if not self.is_removed():
                raise StateError(f"remove {self.place}: {reason(error)}") from None

    def _names(self) -> list[str]:
        """The names in the folder. A `create` that has failed for lack of descriptors has none to look into it."""
        try:
            return posix.listdir(self.dirfd)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
        return [name for name in NAMES if posix.access(name, posix.F_OK, dir_fd=self.dirfd, follow_symlinks=False)]

    def _read_all(self, fd: int, name: str) -> bytes:
        status = posix.fstat(fd)
        if status.st_mode & 0o170000 != 0o100000:  # S_IFMT, S_IFREG
            raise StateError(f"read {self.path}/{name}: not a regular file; {self._way_out()}")
        if status.st_size > model.MAX_BYTES:
            raise StateError(f"read {self.path}/{name}: larger than {model.MAX_BYTES} bytes; {self._way_out()}")
        return read_all(fd)

    def _unlink(self, name: str) -> None:
        try:
            posix.unlink(name, dir_fd=self.dirfd)
        except FileNotFoundError:
            pass

    def _way_out(self) -> str:
        return str(_cold().way_out(self.dirfd, self.id, NAMES))


def _place_while_made(root: str, container_id: str) -> str:
    """`@` cannot be in an ID. One of the greatest length has no room for it, and goes by its hash."""
    if len(container_id) < _MAX_ID:
        return f"{root}/@{container_id}"
    from _blake2 import blake2b

    return f"{root}/@@{blake2b(container_id.encode(), digest_size=16).hexdigest()}"


def _is_taken(path: str) -> bool:
    try:
        return bool(posix.listdir(path))
    except (FileNotFoundError, PermissionError):
        return False  # what may not be looked into shows when the folder is to be made
    except OSError:  # no folder, or a link that leads round in a circle
        return posix.access(path, posix.F_OK, follow_symlinks=False)


def _is_entry(item: posix.DirEntry[str]) -> bool:
    try:
        check_id(item.name)
    except InvalidId:
        return False
    return item.is_dir(follow_symlinks=False)


def _cold() -> ModuleType:
    """The module with words that only errors need."""
    from pyoci.state import others

    return others
