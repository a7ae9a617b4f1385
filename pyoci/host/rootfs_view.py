"""A root file system as its container will see it, looked at from the host.

The files are the container's: each path is resolved below a descriptor of the root file system (or of a bind mount's
source) without following anything on the way. Where a path leads into a mount whose contents are not known here,
nothing is said (`Unseen`).
"""

from __future__ import annotations

import _stat as stat
import errno
import posix

from pyoci.errors import PyociError
from pyoci.kernel import uapi
from pyoci.kernel.beneath import openat2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAMES = 500  # of a folder, looked at for one that is alike
_HOW = uapi.RESOLVE_BENEATH | uapi.RESOLVE_NO_MAGICLINKS | uapi.RESOLVE_NO_SYMLINKS


class Unseen(Exception):
    """The path leads to where nothing is known from here."""


class View:
    """The root file system as the container will see it, as far as config.json and the host's files tell."""

    __slots__ = ("_mounts", "_noexec", "path", "root_of_try")

    def __init__(self, path: str, bundle: str, mounts: list[dict[str, Any]]) -> None:
        self.path = path
        self.root_of_try = ""  # what a container of `try` lies over
        self._mounts: list[tuple[str, str]] = []
        self._noexec: list[tuple[str, int]] = []  # places, and the entry of /mounts
        for index, mount in enumerate(mounts):
            options = mount.get("options") or ()
            source = ""
            if mount.get("type") == "bind" or "bind" in options or "rbind" in options:
                source = str(mount.get("source") or "")
                source = source if source.startswith("/") else f"{bundle}/{source}"
            if f"{source}/".startswith("/proc/"):
                source = ""  # its magic links lead where no path of theirs says (proc(5))
            place = "/".join(["", *(part for part in mount["destination"].split("/") if part not in ("", "."))])
            self._mounts.append((place, source))
            self._noexec.append((place, index if "noexec" in options else -1))

    def why_noexec(self, path: str) -> str:
        """Words when the mount that `path` lies in by its name allows no program."""
        for place, index in reversed(self._noexec):
            if path == place or path.startswith(f"{place}/"):
                return f"{place or '/'} is mounted with noexec (/mounts/{index}/options)" if index >= 0 else ""
        return ""

    def open(self, path: str) -> int | None:
        """An O_PATH descriptor of what is there, links followed; None for nothing. Raises Unseen."""
        todo = parts(path)
        done: list[str] = []
        links = 0
        fd = self._open(done)
        while todo:
            name = todo.pop(0)
            if name == "..":
                del done[-1:]
                continue
            close(fd)
            fd = self._open([*done, name])
            if fd is None:
                return None
            mode = posix.fstat(fd).st_mode
            if stat.S_ISLNK(mode):
                links += 1
                target = posix.readlink("", dir_fd=fd)
                close(fd)
                fd = None
                if links > uapi.MAXSYMLINKS:
                    return None
                done = [] if target.startswith("/") else done
                todo[:0] = parts(target)
                continue
            if todo and not stat.S_ISDIR(mode):
                close(fd)
                return None
            done.append(name)
        if fd is None:
            fd = self._open(done)
        return fd

    def _open(self, parts: list[str]) -> int | None:
        path = "/" + "/".join(parts)
        place, source = "", self.path
        for destination, bound in reversed(self._mounts):  # a later mount lies on top of an earlier one
            if path == destination or path.startswith(f"{destination}/"):
                if not bound:
                    raise Unseen
                place, source = destination, bound
                break
        try:
            root = posix.open(source, posix.O_PATH | posix.O_CLOEXEC)
        except OSError:
            raise Unseen from None
        rest = path[len(place) :].strip("/")
        if not rest:
            return root
        try:
            return openat2(root, rest, posix.O_PATH | posix.O_NOFOLLOW, _HOW)
        except PyociError as error:
            if getattr(error, "errno", 0) in (errno.ENOENT, errno.ENOTDIR):
                return None
            raise Unseen from None
        finally:
            posix.close(root)

    @property
    def name(self) -> str:
        if self.root_of_try == "/":
            return "this machine's root file system"
        return f"the root file system {self.root_of_try or self.path}"

    @property
    def mount_points(self) -> set[str]:
        """Names of the root folder that `create` makes where they are missing."""
        return {"dev", *(place.split("/")[1] for place, _ in self._mounts if place)}

    def names(self, path: str) -> list[str]:
        """Of the entries of a folder, not all where there are thousands."""
        fd = self.open(path)
        if fd is None:
            return []
        try:
            if not stat.S_ISDIR(posix.fstat(fd).st_mode):
                return []
            with posix.scandir(f"/proc/self/fd/{fd}") as entries:
                return sorted(entry.name for entry, _ in zip(entries, range(_NAMES), strict=False))
        except OSError:
            raise Unseen from None
        finally:
            posix.close(fd)


def parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def close(fd: int | None) -> None:
    if fd is not None:
        posix.close(fd)
