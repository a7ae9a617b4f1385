"""The process that has the lock of an entry, for the message of a command that has waited long enough."""

from __future__ import annotations

import posix

from pyoci.kernel import proc_stat, read_text


def words(folder: int) -> str:
    """The process by its number, where it has one in this PID namespace, and whether it is stopped."""
    who, pid = "another pyoci command", _holder(folder)
    if pid > 0:
        stat = proc_stat.stat(pid)
        is_stopped = stat is not None and stat[0] in proc_stat.STOPPED
        who += f", process {pid}{', which is stopped' if is_stopped else ''},"
    return f"{who} has been at work on it"


def _holder(folder: int) -> int:
    """proc_locks(5): `1: FLOCK  ADVISORY  WRITE 7 00:1a:42 0 EOF`, the device in hexadecimal."""
    status = posix.fstat(folder)
    file = f"{posix.major(status.st_dev):02x}:{posix.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        lines = read_text("/proc/locks").split("\n")
    except OSError:
        return 0
    for line in lines:
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == file and fields[4].isdigit():
            return int(fields[4])
    return 0
