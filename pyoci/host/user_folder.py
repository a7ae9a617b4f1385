"""A folder for things that do not belong in the state root, since they are not containers: runtimes may share that."""

from __future__ import annotations

import _stat as stat
import posix

_GROUP_AND_OTHERS = 0o077


def path(name: str) -> str:
    """Where it is for this user; empty when there is no such place.

    root's is in /run, unless that is another root's: in a user namespace there is the user's own runtime folder.
    """
    if posix.geteuid() == 0:
        for place in (f"/run/{name}", "/run"):
            try:
                status = posix.stat(place, follow_symlinks=False)
            except OSError:
                continue
            if status.st_uid == 0:
                return f"/run/{name}"
            break
    session = posix.environ.get(b"XDG_RUNTIME_DIR", b"").decode("utf-8", "surrogateescape")
    return f"{session}/{name}" if session.startswith("/") else ""


def make(name: str) -> str:
    """The folder, made if it is missing; empty when there is no place for it, or others could write there."""
    place = path(name)
    if not place:
        return ""
    try:
        try:
            posix.mkdir(place, 0o700)
        except FileExistsError:
            pass
        status = posix.stat(place, follow_symlinks=False)
    except OSError:
        return ""
    is_ours = status.st_uid == posix.geteuid() and not status.st_mode & _GROUP_AND_OTHERS
    return place if is_ours and stat.S_ISDIR(status.st_mode) else ""
