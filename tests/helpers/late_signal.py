"""A signal that comes one instruction before the call in which a process then waits, by ptrace(2).

The kernel ends a wait for a signal, but only for one that comes during the wait. A signal that comes earlier has its
handler at once; Python's only notes the number, and what it stands for is done after the call. So a call without a
limit waits on, and whoever has sent the signal waits, too.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time

from helpers.runtime import TIME_LIMIT
from helpers.stepped import ptrace

IS_POSSIBLE = os.uname().machine == "x86_64"

_GETREGS, _SETREGS, _DETACH, _SEIZE, _INTERRUPT = 12, 13, 17, 0x4206, 0x4207
_REGISTERS, _RAX, _ORIG_RAX, _RIP = 27, 10, 15, 16  # struct user_regs_struct, sys/user.h
_NO_CALL = 2**64 - 1  # in orig_rax: it is not in a call
_CLONES = (56, 57, 58, 435)  # clone, fork, vfork, clone3: once more would make one process more
_SYSCALL_LENGTH = 2  # bytes of the instruction


def send_before_the_call(pid: int, number: signal.Signals) -> None:
    """Set the process, which waits in a call, back to before this call, and send it the signal there."""
    registers = (ctypes.c_uint64 * _REGISTERS)()
    place = ctypes.addressof(registers)
    deadline = time.monotonic() + TIME_LIMIT
    while True:
        ptrace(_SEIZE, pid)
        ptrace(_INTERRUPT, pid)
        os.waitpid(pid, 0)
        ptrace(_GETREGS, pid, place)
        if registers[_ORIG_RAX] not in (_NO_CALL, *_CLONES):
            break
        ptrace(_DETACH, pid)
        assert time.monotonic() < deadline, "it never waits"
        time.sleep(0.01)
    registers[_RIP] -= _SYSCALL_LENGTH
    registers[_RAX], registers[_ORIG_RAX] = registers[_ORIG_RAX], _NO_CALL
    ptrace(_SETREGS, pid, place)
    os.kill(pid, number)
    ptrace(_DETACH, pid)
