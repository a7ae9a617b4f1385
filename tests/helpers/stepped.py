"""A command of the runtime that stands still at each of its system calls, by ptrace(2)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

_PTRACE_TRACEME, _PTRACE_KILL, _PTRACE_SYSCALL, _PTRACE_SETOPTIONS = 0, 8, 24, 0x4200
_PTRACE_GET_SYSCALL_INFO = 0x420E
_PTRACE_O_TRACESYSGOOD, _PTRACE_O_EXITKILL = 1, 1 << 20
_SYSCALL_STOP = signal.SIGTRAP | 0x80

# Of x86_64, arch/x86/entry/syscalls/syscall_64.tbl: the calls that change nothing that another process could see. For
# every other one it does, and on another machine for all of them.
_QUIET = {
    "read": 0, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10,
    "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "ioctl": 16, "pread64": 17, "access": 21,
    "pipe": 22, "dup": 32, "dup2": 33, "getpid": 39, "socket": 41, "recvmsg": 47, "socketpair": 53, "setsockopt": 54,
    "wait4": 61, "fcntl": 72, "getcwd": 79, "chdir": 80, "fchdir": 81, "readlink": 89, "umask": 95, "getuid": 102,
    "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110, "getpgrp": 111, "rt_sigtimedwait": 128,
    "statfs": 137, "fstatfs": 138, "prctl": 157, "arch_prctl": 158, "gettid": 186, "getxattr": 191, "fgetxattr": 193,
    "futex": 202, "sched_getaffinity": 204, "getdents64": 217, "restart_syscall": 219, "clock_gettime": 228,
    "clock_nanosleep": 230, "waitid": 247, "newfstatat": 262, "readlinkat": 267, "faccessat": 269, "ppoll": 271,
    "set_robust_list": 273, "dup3": 292, "pipe2": 293, "prlimit64": 302, "getrandom": 318, "memfd_create": 319,
    "statx": 332, "rseq": 334, "pidfd_open": 434, "openat2": 437, "faccessat2": 439,
}  # fmt: skip
_QUIET_NUMBERS = frozenset(_QUIET.values() if os.uname().machine == "x86_64" else ())
WRITE, CONNECT, OPENAT, CLONE3 = 1, 42, 257, 435
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


class Stepped:
    """Iterate over it: one step for each entry into and return from a system call, until the command has ended.

    Processes that it makes are not stopped. `status` is its exit status, or minus the signal.
    """

    def __init__(self, command: list[str], stderr: Path | None = None) -> None:
        null = subprocess.DEVNULL
        with open(stderr or os.devnull, "wb") as said:
            self._process = subprocess.Popen(
                command,
                stdin=null,
                stdout=null,
                stderr=said,
                preexec_fn=lambda: ptrace(_PTRACE_TRACEME, 0),  # noqa: PLW1509  # no threads here
            )
        self.pid = self._process.pid
        self.status: int | None = None

    def __enter__(self) -> Stepped:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._process.returncode = 0  # waited for here, not by subprocess

    def __iter__(self) -> Iterator[int]:
        os.waitpid(self.pid, 0)  # its execve
        ptrace(_PTRACE_SETOPTIONS, self.pid, _PTRACE_O_TRACESYSGOOD | _PTRACE_O_EXITKILL)
        step, forwarded = 0, 0
        while True:
            with contextlib.suppress(ProcessLookupError):  # it was killed where it stood
                ptrace(_PTRACE_SYSCALL, self.pid, forwarded)
            _, status = os.waitpid(self.pid, 0)
            if not os.WIFSTOPPED(status):
                self.status = os.waitstatus_to_exitcode(status)
                return
            stopped_by = os.WSTOPSIG(status)
            forwarded = 0 if stopped_by in (_SYSCALL_STOP, signal.SIGTRAP) else stopped_by
            if stopped_by == _SYSCALL_STOP:
                step += 1
                yield step

    def entered(self) -> tuple[int, list[int]] | None:
        """The number and the arguments of the call that it stands before; None once it has returned from one."""
        info = (ctypes.c_uint64 * 11)()  # struct ptrace_syscall_info
        ptrace(_PTRACE_GET_SYSCALL_INFO, self.pid, ctypes.addressof(info), ctypes.sizeof(info))
        return (info[3], list(info[4:10])) if info[0] & 0xFF == 1 else None

    def changes(self) -> Iterator[int]:
        """One step for each return from a call that may have changed something for others, counted from 0."""
        last: tuple[int, list[int]] | None = None
        count = 0
        for _ in self:
            call = self.entered()
            if call is not None:
                last = call
            elif last is not None and _may_change(*last):
                yield count
                count += 1


def _may_change(number: int, arguments: list[int]) -> bool:
    if number == OPENAT:
        return bool(arguments[2] & _WRITES)
    return number not in _QUIET_NUMBERS and not (number == WRITE and arguments[0] <= 2)


def ptrace(request: int, pid: int, data: int = 0, size: int | None = None) -> None:
    if _libc.ptrace(request, pid, size, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")
