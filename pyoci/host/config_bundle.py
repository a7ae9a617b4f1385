"""The bundle of a container whose config a library hands over: a folder with config.json alone.

Its maker holds a lock on the folder as long as the container lives. All state roots of a user share the place of the
bundles, and IDs come again: so a name tells whose a bundle is, by the whole ID and the state root, and the lock whether
somebody still needs it.
"""

from __future__ import annotations

import fcntl
import posix

from pyoci.errors import SyscallError
from pyoci.host import user_folder
from pyoci.kernel import write_all
from pyoci.spec.bundle import CONFIG
from pyoci.state.store import Store, check_id

BUNDLES = "pyoci-bundles"
MARK = "@"  # in the name of each; no ID has one, so that no command takes a bundle for a container
_SHOWN = 100  # characters of the ID, for those who look into the folder
_FOLDER = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


class ConfigBundle:
    """A bundle at `path`, until `remove`; of a process that is killed, `remove_bundles` removes it."""

    __slots__ = ("_fd", "path")

    def __init__(self, root: str, container_id: str, config: int) -> None:
        """Of the config.json in the descriptor `config`. Raises InvalidId, SyscallError.

        Not in the state root, where `runc list` would complain of it, unless there is no other place.
        """
        check_id(container_id)
        place = user_folder.make(BUNDLES) or Store(root).root
        self.path = f"{place}/{_beginning(root, container_id)}{posix.getpid()}"
        try:
            self._fd = _make_folder(self.path, root)
            # not open(): the program would complete Python's start for it
            flags = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC
            target = posix.open(CONFIG, flags, 0o600, dir_fd=self._fd)
            try:
                while data := posix.read(config, 1 << 20):
                    write_all(target, data)
            finally:
                posix.close(target)
        except OSError as error:
            raise SyscallError(error.errno or 0, f"make {self.path}") from None

    def remove(self) -> None:
        _remove(self.path)
        posix.close(self._fd)


def remove_bundles(root: str, container_id: str) -> None:
    """Those of a container that is gone, unless their maker lives, which removes them itself."""
    beginning = _beginning(root, container_id)
    for place in (user_folder.path(BUNDLES), Store(root).root):
        try:
            names = posix.listdir(place) if place else []
        except OSError:
            continue
        for name in names:
            if name.startswith(beginning):
                _remove_left(f"{place}/{name}")


def _beginning(root: str, container_id: str) -> str:
    """Of the names of a container's bundles; a number follows."""
    from _blake2 import blake2b
    from os.path import realpath

    whole = f"{realpath(Store(root).root)}\0{container_id}".encode("utf-8", "surrogateescape")
    return f"{container_id[:_SHOWN]}.{blake2b(whole, digest_size=16).hexdigest()}{MARK}"


def _make_folder(path: str, root: str) -> int:
    """Its descriptor, which holds the lock."""
    while True:
        try:
            posix.mkdir(path, 0o700)
        except FileNotFoundError:
            from os import makedirs

            makedirs(root, 0o1700, exist_ok=True)
            posix.mkdir(path, 0o700)
        except FileExistsError:
            _remove_left(path)  # of a process that had our number
            posix.mkdir(path, 0o700)
        try:
            fd = posix.open(path, _FOLDER)
        except FileNotFoundError:
            continue  # somebody has taken it for one that was left
        fcntl.flock(fd, fcntl.LOCK_EX)
        if posix.fstat(fd).st_nlink:
            return fd
        posix.close(fd)


def _remove_left(path: str) -> None:
    try:
        fd = posix.open(path, _FOLDER)
    except OSError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    except OSError:
        pass  # its maker lives
    finally:
        posix.close(fd)


def _remove(path: str) -> None:
    for remove, name in ((posix.unlink, f"{path}/{CONFIG}"), (posix.rmdir, path)):
        try:
            remove(name)
        except OSError:
            pass  # a folder of 200 bytes, in a place that is empty after a reboot
