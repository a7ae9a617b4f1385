"""Symbolic links at the end of a path that the caller names, which another user has made or could exchange.

What root writes would go where that user likes: the kernel's own rule (fs.protected_symlinks, proc(5)) is for folders
with a sticky bit that everybody may write to, and not for a folder of that user.
"""

from __future__ import annotations

import _stat as stat
import posix

_MOST = 40  # links, as for the kernel: path_resolution(7)
_NOBODY = 65534  # /proc/sys/kernel/overflowuid, as long as nobody changes it


def maker(path: str) -> str:
    """The user who can make a link on the way from `path` lead elsewhere, in words; empty where there is no such link.

    Links in place of a folder are not looked at. Raises OSError.
    """
    for _ in range(_MOST):
        try:
            link = posix.stat(path, follow_symlinks=False)
            if not stat.S_ISLNK(link.st_mode):
                return ""
            folder = path.rpartition("/")[0] + "/" if "/" in path else "./"
            around = posix.stat(folder)
            target = posix.readlink(path)
        except FileNotFoundError:
            return ""  # what leads nowhere is made there
        for status in (link, around):
            if not _is_trusted(status.st_uid):
                return f"user {status.st_uid}"
        if around.st_mode & stat.S_IWOTH and not around.st_mode & stat.S_ISVTX:
            return "everybody"
        path = target if target.startswith("/") else folder + target
    return ""  # the kernel refuses it


def words(who: str) -> str:
    return f"it is a link that {who} can make lead elsewhere; name the file itself"


def _is_trusted(uid: int) -> bool:
    """In a user namespace the host's root is nobody, and an attack is one of a user without rights."""
    return uid in (0, posix.geteuid()) or (uid == _NOBODY and _in_user_namespace())


def _in_user_namespace() -> bool:
    fd = posix.open("/proc/self/uid_map", posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(fd, 4096).split() != [b"0", b"0", b"4294967295"]
    finally:
        posix.close(fd)
