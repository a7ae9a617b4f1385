"""The descriptors that --preserve-fds and LISTEN_FDS pass on to the container."""

from __future__ import annotations

import fcntl

from pyoci.errors import UsageError


def check(count: int) -> None:
    """Raises UsageError unless descriptors 3 to 3 + count - 1 came from the caller.

    Those have survived an execve(2) and so are not close-on-exec; our own all are, and must never be taken for them.
    """
    for fd in range(3, 3 + count):
        try:
            ours = fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
        except OSError:
            ours = True
        if ours:
            raise UsageError(f"pass {count} descriptors to the container: number {fd} is not open")
