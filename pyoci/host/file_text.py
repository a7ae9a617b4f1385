"""The beginning of a file of the host's, for words about it."""

from __future__ import annotations

import posix

_MOST = 1 << 20


def beginning(path: str) -> str:
    """Without the spaces around it; empty when the file is not there, or cannot be read."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return posix.read(fd, _MOST).decode("utf-8", "replace").strip()
    except OSError:
        return ""
    finally:
        posix.close(fd)
