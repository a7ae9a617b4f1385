"""Which process a number means: /proc/PID/stat and the boot it belongs to. See proc_pid_stat(5)."""

from __future__ import annotations

import posix

from pyoci.errors import SyscallError

STOPPED = "Tt"  # by a signal, by a tracer: proc_pid_stat(5)
_PF_FORKNOEXEC = 0x40  # of the field `flags`, linux/sched.h
DEAD = "XZx"  # dead or a zombie: it has exited, whether or not its parent has noticed


def stat(pid: int) -> tuple[str, int] | None:
    """State letter and start time (ticks since boot) of process `pid`; None when there is none.

    A pid alone may be reused; together with the start time it names one process of this boot.
    Raises SyscallError.
    """
    line = _line(pid)
    if not line:
        return None
    fields = _fields(line)
    return fields[0].decode(), int(fields[19])  # fields 3 and 22


def _line(pid: int) -> bytes:
    """Empty when there is no such process."""
    try:
        fd = posix.open(f"/proc/{pid}/stat", posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            return posix.read(fd, 4096)
        finally:
            posix.close(fd)
    except (FileNotFoundError, ProcessLookupError):
        return b""
    except OSError as error:
        raise SyscallError(error.errno or 0, f"read /proc/{pid}/stat") from None


def _fields(line: bytes) -> list[bytes]:
    """From the third one on: the name before them is the process's own choice and may hold spaces and parentheses."""
    return line[line.rindex(b")") + 2 :].split()


def exit_status(pid: int) -> int:
    """Of a zombie, as waitpid(2) would tell it; 0 when there is none. Raises SyscallError."""
    line = _line(pid)
    return int(line.split()[-1]) if line else 0  # field 52, the last one


def start_time(pid: int) -> int:
    """Start time of `pid` in ticks since boot; 0 when there is no such process."""
    entry = stat(pid)
    return entry[1] if entry else 0


def is_alive(pid: int, start: int) -> bool:
    """Whether the process that had this number and start time still runs (a zombie does not)."""
    entry = stat(pid)
    return entry is not None and entry[1] == start and entry[0] not in DEAD


def has_executed(pid: int) -> bool:
    """Whether the process has made an execve(2) since it was forked; True when there is none. Raises SyscallError.

    Not its name, nor what it holds: the program may take the name of the runtime, and another process keep the rest.
    """
    line = _line(pid)
    return not line or not int(_fields(line)[6]) & _PF_FORKNOEXEC  # field 9


def is_in(pid: int, call: int) -> bool:
    """Whether the process sleeps in the system call with this number; False where nobody may know (proc(5))."""
    return _first_word(pid, "syscall") == str(call)


def _first_word(pid: int, file: str) -> str:
    """Empty when there is no such process, or it may not be looked at."""
    try:
        fd = posix.open(f"/proc/{pid}/{file}", posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            words = posix.read(fd, 256).split()
        finally:
            posix.close(fd)
    except OSError:
        return ""
    return words[0].decode("utf-8", "replace") if words else ""


def boot_id() -> str:
    """The kernel's name for this boot; empty where /proc/sys does not tell (hidden by a sandbox). Read once."""
    if not _boot:
        _boot.append(_read_boot_id())
    return _boot[0]


_boot: list[str] = []


def _read_boot_id() -> str:
    try:
        fd = posix.open("/proc/sys/kernel/random/boot_id", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return posix.read(fd, 64).decode("ascii").strip()
    finally:
        posix.close(fd)
