"""The folder of one call: whoever holds its lock lives; one that nobody holds is what a killed call left behind.

PLACE/lock         held while a folder is made or removed
PLACE/NAME/lock    held by the process of that call until it ends
PLACE/NAME/network what `network` made for it (JSON)
PLACE/NAME/...     mount points, config.json, resolv.conf: nothing of the container's
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyoci.errors import PyociError, reason
from pyoci.kernel import mount

_TRIES = 100
_MOUNTS = 4  # one on the other, at the most
_NETWORK = "network"
# All that there may be in the folder of a call; the lock goes last.
_FILES = ("config.json", "resolv.conf", _NETWORK, "lock")
_FOLDERS = ("rootfs", "layers")
_ELSEWHERE = "an ordinary user has it in $XDG_RUNTIME_DIR, or beside the folder of --root DIR"


class Folder:
    """This call's folder; `close` removes it."""

    def __init__(self, place: str, name: str, lock: int) -> None:
        self.name = name
        self.path = f"{place}/{name}"
        self._lock = lock

    def file(self, name: str, text: str) -> str:
        """Write a file and return its path."""
        path = f"{self.path}/{name}"
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
        return path

    def folder(self, name: str) -> str:
        path = f"{self.path}/{name}"
        os.mkdir(path, 0o755)
        return path

    def remember_network(self, record: dict[str, Any]) -> None:
        """Written before the network is made, so that the next call can remove it."""
        self.file(_NETWORK, json.dumps(record))

    def unmount(self) -> None:
        """Let go of the mounts in this folder, in this process's own mount namespace."""
        for name in _FOLDERS:
            for _ in range(_MOUNTS):
                if not _detach(f"{self.path}/{name}"):
                    break

    def close(self) -> None:
        """Remove the folder, let go of the lock."""
        _remove(self.path)
        os.close(self._lock)


def _detach(path: str) -> bool:
    """Whether something was mounted at `path`; it is not any more."""
    try:
        os.chdir(path)
        mount.detach_here()
        return True
    except (OSError, PyociError):
        return False  # EINVAL: not a mount point
    finally:
        os.chdir("/")


def _remove(path: str) -> None:
    """Remove a folder with what this module and `session` put there, and nothing else.

    Not shutil.rmtree: with something still mounted in it, it would delete the files of the host.
    """
    for name in _FILES:
        try:
            os.unlink(f"{path}/{name}")
        except FileNotFoundError:
            pass
    for name in _FOLDERS:
        try:
            os.rmdir(f"{path}/{name}")
        except FileNotFoundError:
            pass
    os.rmdir(path)


def _way_out(status: os.stat_result) -> str:
    """Advice about a folder that is not ours: a user who may not remove it takes another place."""
    return "remove it" if os.geteuid() in (0, status.st_uid) else _ELSEWHERE


@contextmanager
def locked(place: str) -> Iterator[None]:
    """Hold the lock of all folders at `place`, which is made when it is not there. PyociError if it is not ours."""
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        status = os.lstat(place)
        # Below a folder that others can write to, somebody else could have made it.
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise PyociError(f"use {place}: it is not a folder that only this user can write to; {_way_out(status)}")
        lock = os.open(f"{place}/lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise PyociError(f"use {place}: {reason(error)}; {_ELSEWHERE}") from None
    except OSError as error:
        raise PyociError(f"use {place}: {reason(error)}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def make(place: str) -> Folder:
    """A new folder, held by this process. To be called under `locked`."""
    for _ in range(_TRIES):
        name = f"try-{os.urandom(2).hex()}"
        try:
            os.mkdir(f"{place}/{name}", 0o700)
        except FileExistsError:
            continue
        lock = os.open(f"{place}/{name}/lock", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return Folder(place, name, lock)
    raise PyociError(f"make a folder in {place}: all names are taken")


def left_behind(place: str) -> list[str]:
    """Names of folders that nobody holds. To be called under `locked`."""
    return [name for name in _names(place) if not _is_held(f"{place}/{name}")]


def networks(place: str) -> list[dict[str, Any]]:
    """The records of the networks of calls that live. To be called under `locked`."""
    records = [network_of(place, name) for name in _names(place) if _is_held(f"{place}/{name}")]
    return [record for record in records if record]


def network_of(place: str, name: str) -> dict[str, Any]:
    """The record of a folder's network; empty without one."""
    try:
        with open(f"{place}/{name}/{_NETWORK}", encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError):
        return {}  # not made yet: it is written before the network is
    return record if isinstance(record, dict) else {}


def remove(place: str, name: str) -> None:
    """Remove a folder that was left. What was mounted in it is gone with the mount namespace of its process."""
    _remove(f"{place}/{name}")


def _names(place: str) -> list[str]:
    return sorted(name for name in os.listdir(place) if name.startswith("try-"))


def _is_held(path: str) -> bool:
    try:
        lock = os.open(f"{path}/lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False  # killed before it made its lock: that happens under `locked`
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
