"""System calls, struct layouts and constants of the kernel; here what both sides have a use for."""

from __future__ import annotations

import posix

# What a container's init says first when C ends it (kernel/_deferred.c): a system call failed; execve(2) did.
FAILED_CALL = "call"
FAILED_PROGRAM = "program"


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of `data`: write(2) may take a part of it and call that a success. Raises OSError.

    Not for a file of the kernel's, which takes a value by one call (`procfs.write`, cgroups/files.py), nor for a
    descriptor that does not block (BlockingIOError).
    """
    written = posix.write(fd, data)
    if written < len(data):
        rest = memoryview(data)[written:]
        while rest:
            rest = rest[posix.write(fd, rest) :]
