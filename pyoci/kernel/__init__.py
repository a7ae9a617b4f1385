"""System calls, struct layouts and constants of the kernel; here what both sides have a use for."""

from __future__ import annotations

import posix

# What a container's init says first when C ends it (kernel/_deferred.c): a system call failed; execve(2) did.
FAILED_CALL = "call"
FAILED_PROGRAM = "program"
# Seconds; poll(2) counts milliseconds in an int. Whoever waits longer polls again.
LONGEST_POLL = 86400.0
# Seconds that a wait lasts at once where a signal is to end it; then it is begun again. Python notes a signal and calls
# its handler between two of its own instructions: where it comes right before the system call, that is after the call.
LATE_SIGNAL = 1.0
_READ = 1 << 16  # bytes


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


def read_all(fd: int) -> bytes:
    """All that is left in a file that is trusted to end, such as one of procfs. Raises OSError."""
    data = b""
    while part := posix.read(fd, _READ):
        data += part
    return data


def read_text(path: str) -> str:
    """The whole of a file of the kernel's, such as one of /proc/PID. Raises OSError."""
    fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return read_all(fd).decode("utf-8", "surrogateescape")
    finally:
        posix.close(fd)
