"""Before Linux 6.18 a procfs of another PID namespace is opened by a process that its members see for one call.

One of them stops it, or traces it and keeps its end to itself: whoever waits for it goes on nevertheless.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time

import pytest
from helpers.hostile import check, libc
from helpers.runtime import TIME_LIMIT, reap

from pyoci.kernel import _raw

SEIZE, CONT = 0x4206, 7
TRACE_FORK, TRACE_VFORK, TRACE_CLONE = 1 << 1, 1 << 2, 1 << 3
WALL = 0x40000000


def opens(reader: int, writer: int) -> None:
    """In a process of its own: opens a procfs once it is traced, and tells the number of the error."""
    os.read(reader, 1)
    try:
        _raw.fsopen_in_child(b"proc")
        number = 0
    except OSError as error:
        number = error.errno or -1
    os.write(writer, str(number).encode())


@pytest.mark.parametrize("keeps", ["its beginning", "its end"])
def test_it_is_not_waited_for(keeps: str) -> None:
    traced, told = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            opens(traced[0], told[1])
        finally:
            os._exit(0)
    check(libc.ptrace(SEIZE, pid, 0, TRACE_FORK | TRACE_VFORK | TRACE_CLONE), "PTRACE_SEIZE")
    os.write(traced[1], b"x")
    begun = time.monotonic()
    opener = 0
    try:
        while not opener:
            stopped, status = os.waitpid(-1, WALL)
            if not os.WIFSTOPPED(status):
                continue  # what an earlier test has left to this process has ended
            if stopped != pid:
                opener = stopped
            else:  # an event, or a signal
                libc.ptrace(CONT, pid, 0, 0 if status >> 16 else os.WSTOPSIG(status))
        if keeps == "its end":
            libc.ptrace(CONT, opener, 0, 0)
        libc.ptrace(CONT, pid, 0, 0)
        os.set_blocking(told[0], False)
        answer = b""
        while not answer and time.monotonic() - begun < TIME_LIMIT:
            stopped, status = os.waitpid(pid, WALL | os.WNOHANG)
            if stopped and os.WIFSTOPPED(status):
                libc.ptrace(CONT, pid, 0, 0)
            try:
                answer = os.read(told[0], 16)
            except BlockingIOError:
                time.sleep(0.01)
        assert answer == str(errno.ETIMEDOUT if keeps == "its beginning" else 0).encode()
    finally:
        for process in filter(None, (opener, pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for fd in (*traced, *told):
            os.close(fd)
        reap()


def test_nobody_stops_it() -> None:
    os.close(_raw.fsopen_in_child(b"proc"))
