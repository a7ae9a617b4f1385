"""A command of the runtime that stands still at each of its system calls, by ptrace(2)."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Iterator

_PTRACE_TRACEME, _PTRACE_KILL, _PTRACE_SYSCALL, _PTRACE_SETOPTIONS = 0, 8, 24, 0x4200
_PTRACE_O_TRACESYSGOOD, _PTRACE_O_EXITKILL = 1, 1 << 20
_SYSCALL_STOP = signal.SIGTRAP | 0x80

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


class Stepped:
    """Iterate over it: one step for each entry into and return from a system call, until the command has ended.

    Processes that it makes are not stopped. `status` is its exit status, or minus the signal.
    """

    def __init__(self, command: list[str]) -> None:
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command,
            stdin=null,
            stdout=null,
            stderr=null,
            preexec_fn=lambda: _ptrace(_PTRACE_TRACEME, 0),  # noqa: PLW1509  # no threads here
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
        _ptrace(_PTRACE_SETOPTIONS, self.pid, _PTRACE_O_TRACESYSGOOD | _PTRACE_O_EXITKILL)
        step, forwarded = 0, 0
        while True:
            _ptrace(_PTRACE_SYSCALL, self.pid, forwarded)
            _, status = os.waitpid(self.pid, 0)
            if not os.WIFSTOPPED(status):
                self.status = os.waitstatus_to_exitcode(status)
                return
            stopped_by = os.WSTOPSIG(status)
            forwarded = 0 if stopped_by in (_SYSCALL_STOP, signal.SIGTRAP) else stopped_by
            if stopped_by == _SYSCALL_STOP:
                step += 1
                yield step


def _ptrace(request: int, pid: int, data: int = 0) -> None:
    if _libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")
