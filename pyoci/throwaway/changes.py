"""The changes of a container: the upper layer of an overlay beside the lower one."""

from __future__ import annotations

import os
import stat

from pyoci.throwaway.layers import Layers
from pyoci.throwaway.plan import Seen, change

_KINDS = {stat.S_IFDIR: "d", stat.S_IFREG: "-", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MARKS = ("trusted.overlay", "user.overlay")


def list_changes(layers: Layers, ignored: set[str]) -> list[str]:
    """`A /path`, `C /path` and `D /path`, sorted by path; `ignored` are paths that the runtime makes for mounts.

    The container has nested folders as deep as it liked: neither calls, descriptors nor paths of ours grow with it.
    """
    walk = _Walk(layers, ignored)
    try:
        walk.all()
    finally:
        walk.close()
    return [f"{letter} {path}" for path, letter in sorted(walk.changes)]


class _Walk:
    """Stands in a folder of the upper layer and, as long as there is such a one, in that of the lower layer."""

    def __init__(self, layers: Layers, ignored: set[str]) -> None:
        self.changes: list[tuple[str, str]] = []
        self._partial = layers.partial
        self._ignored = ignored
        self._upper = os.open(layers.upper, _FOLDER)
        self._lower = os.open(layers.lower, _FOLDER & ~os.O_NOFOLLOW)  # as --root has it
        self._missing = 0  # folders from the lower one to here that only the upper layer has

    def close(self) -> None:
        os.close(self._upper)
        os.close(self._lower)

    def all(self) -> None:
        way = [("", self._look(""))]  # a folder, and those in it that are still to be walked
        while way:
            path, folders = way[-1]
            if not folders:
                way.pop()
                if way:
                    self._leave()
            elif self._enter(name := folders.pop()):
                way.append((f"{path}/{name}", self._look(f"{path}/{name}")))

    def _enter(self, name: str) -> bool:
        if not _step(self._upper, name):
            return False  # a user's own folder may be closed to the user
        if self._missing or not _step(self._lower, name):
            self._missing += 1
        return True

    def _leave(self) -> None:
        _step(self._upper, "..")
        if self._missing:
            self._missing -= 1
        else:
            _step(self._lower, "..")

    def _look(self, folder: str) -> list[str]:
        """Note the changes in this folder; the names of the folders in it."""
        folders = []
        for name in os.listdir(self._upper):
            path = f"{folder}/{name}"
            if path in self._ignored:
                continue
            upper = _see(self._upper, name)
            lower = None if self._missing else _see(self._lower, name)
            if upper is None:
                continue
            if self._partial and folder == "" and lower is not None and upper.kind in "dl":
                # The folders that a user's overlays lie on, and the links beside them, are the runtime's own.
                upper.mode, upper.uid, upper.gid = lower.mode, lower.uid, lower.gid
            letter = change(upper, lower)
            if letter:
                self.changes.append((path, letter))
            if upper.kind == "d":
                folders.append(name)
                if upper.opaque and lower is not None and lower.kind == "d":
                    gone = set(_names(self._lower, name)) - set(_names(self._upper, name))
                    self.changes += ((f"{path}/{hidden}", "D") for hidden in gone)
        return folders


def _step(fd: int, name: str) -> bool:
    """`fd` becomes the folder `name` in it; False when there is none, or no way in."""
    try:
        other = os.open(name, _FOLDER, dir_fd=fd)
    except OSError:
        return False
    os.dup2(other, fd, inheritable=False)
    os.close(other)
    return True


def _names(parent: int, name: str) -> list[str]:
    try:
        fd = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        return []
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def _see(parent: int, name: str) -> Seen | None:
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        return Seen(kind="w")
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "?")
    if kind == "-" and status.st_size == 0 and _mark(parent, name, "whiteout") is not None:
        return Seen(kind="w")
    return Seen(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size,
        mtime=status.st_mtime_ns,
        target=os.readlink(name, dir_fd=parent) if kind == "l" else "",
        opaque=kind == "d" and _mark(parent, name, "opaque") == b"y",
    )


def _mark(parent: int, name: str, mark: str) -> bytes | None:
    for prefix in _MARKS:
        try:
            return os.getxattr(f"/proc/self/fd/{parent}/{name}", f"{prefix}.{mark}", follow_symlinks=False)
        except OSError:
            continue
    return None
