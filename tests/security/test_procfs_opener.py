"""Before Linux 6.18 a procfs of another PID namespace is opened by a process that its members see for one call.

One of them stops it, or traces it and keeps its end to itself: whoever waits for it goes on nevertheless. One of them
lets it make other calls, or sends a file system of its own by a copy of its socket: neither comes through.
test_entering_process.py looks at what that process has.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any, cast

import pytest
from helpers import seccomp_bpf
from helpers.filtered import number
from helpers.hostile import check, libc
from helpers.runtime import TIME_LIMIT, reap

from pyoci.errors import ContainerError, SyscallError
from pyoci.host import procfs_opener
from pyoci.init.outside import new_filesystem
from pyoci.kernel import _raw, mount
from pyoci.wire.plan import Mount

SEIZE, CONT, GET_FILTER = 0x4206, 7, 0x420C
TRACE_FORK, TRACE_VFORK, TRACE_CLONE = 1 << 1, 1 << 2, 1 << 3
WALL = 0x40000000


def opens(reader: int, writer: int) -> None:
    """In a process of its own: opens a procfs once it is traced, and tells the number of the error."""
    os.read(reader, 1)
    try:
        _raw.open_procfs_in_child()
        number = 0
    except OSError as error:
        number = error.errno or -1
    os.write(writer, str(number).encode())


def catch(pid: int, go: int) -> int:
    """Traces our child `pid`, tells it to go on by a byte, and stops the child that it makes at its beginning."""
    check(libc.ptrace(SEIZE, pid, 0, TRACE_FORK | TRACE_VFORK | TRACE_CLONE), "PTRACE_SEIZE")
    os.write(go, b"x")
    while True:
        stopped, status = os.waitpid(-1, WALL)
        if not os.WIFSTOPPED(status):
            continue  # what an earlier test has left to this process has ended
        if stopped != pid:
            return stopped
        # an event, or a signal
        libc.ptrace(CONT, pid, 0, 0 if status >> 16 else os.WSTOPSIG(status))


@pytest.mark.parametrize("keeps", ["its beginning", "its end"])
def test_it_is_not_waited_for(keeps: str) -> None:
    traced, told = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            opens(traced[0], told[1])
        finally:
            os._exit(0)
    begun = time.monotonic()
    opener = 0
    try:
        opener = catch(pid, traced[1])
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


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of the calls are those of x86_64")
def test_a_tracer_cannot_have_it_make_another_call() -> None:
    """The filter as the kernel has it: it is asked after the tracer has chosen the call (seccomp(2))."""
    (ours, theirs), traced = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(traced[0], 1)
        _raw.end_with_procfs(theirs.fileno())
    opener = 0
    try:
        opener = catch(pid, traced[1])
        code = ctypes.create_string_buffer(8 * 4096)
        length = check(libc.ptrace(GET_FILTER, opener, 0, code), "PTRACE_SECCOMP_GET_FILTER")
        answers = {nr: seccomp_bpf.run(code.raw[: 8 * length], nr) for nr in range(1024)}
        names = "fsopen clone kill wait4 clock_nanosleep restart_syscall sendmsg exit exit_group".split()
        allowed = {nr for nr, answer in answers.items() if answer == seccomp_bpf.ALLOW}
        assert allowed == {number(name) for name in names}
        assert {answers[nr] for nr in set(answers) - allowed} == {seccomp_bpf.errno(errno.EPERM)}
        others = {seccomp_bpf.run(code.raw[: 8 * length], nr, arch=seccomp_bpf.I386) for nr in range(1024)}
        assert others == {seccomp_bpf.KILL_PROCESS}
        assert seccomp_bpf.run(code.raw[: 8 * length], number("clone") | seccomp_bpf.X32_BIT) != seccomp_bpf.ALLOW
    finally:
        for process in filter(None, (opener, pid)):
            os.kill(process, signal.SIGKILL)
        ours.close()
        theirs.close()
        for fd in traced:
            os.close(fd)
        reap()


def written_to(pid: int) -> dict[int, bytes]:
    """Some bytes of each stack and variable that the process may write to, by their addresses."""
    spans = [line.split()[:2] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    places = [int(span.split("-")[0], 16) for span, rights in spans if rights == "rw-p"]
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        return {place: os.pread(memory.fileno(), 16, place) for place in places}


def test_what_is_written_to_its_memory_reaches_no_process_of_the_host() -> None:
    """Its parent is in the host's PID namespace: led by its memory, it would signal the host's processes there, and
    open the host's procfs.
    """
    traced = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(traced[0], 1)
        _raw.open_procfs_in_child()
        os._exit(0)
    opener = 0
    try:
        opener = catch(pid, traced[1])
        before = written_to(pid)
        with open(f"/proc/{opener}/mem", "r+b", 0) as memory:
            for place in written_to(opener):
                os.pwrite(memory.fileno(), b"0123456789abcdef", place)
        after = written_to(pid)
        assert before
        assert not [place for place, content in after.items() if content == b"0123456789abcdef"]
    finally:
        for process in filter(None, (opener, pid)):
            os.kill(process, signal.SIGKILL)
        for fd in traced:
            os.close(fd)
        reap()


@pytest.mark.parametrize("fstype", ["tmpfs", "sysfs", "cgroup", "devtmpfs", "mqueue", "ramfs", "proc"])
def test_another_file_system_in_its_place_is_refused(fstype: str) -> None:
    """fsopen(2) takes a name from the memory of whoever calls it; `proc` here is the host's own."""
    context = check(libc.syscall(number("fsopen"), fstype.encode(), 1), "fsopen")
    assert mount.is_procfs(context) == (fstype == "proc")
    with pytest.raises(ContainerError, match="something else"):
        new_filesystem.make(
            Mount(kind="filesystem", destination="/proc", fstype="proc", source="proc"), (), lambda: context
        )
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(context)


def test_what_another_process_sends_is_ignored() -> None:
    """A tracer may copy the socket of the opener (pidfd_getfd(2)) and be faster."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    false, true = os.memfd_create("false"), os.memfd_create("true")
    pid = os.fork()
    if pid == 0:  # the tracer
        for text in (b"", b"PROCFS ", b"ERROR error lies", b"PROCFS "):
            socket.send_fds(theirs, [text], [false])
        os._exit(0)
    os.waitpid(pid, 0)
    socket.send_fds(theirs, [b"PROCFS "], [true])
    received = procfs_opener._receive(cast(Any, ours), os.getpid(), "mount")
    assert os.fstat(received).st_ino == os.fstat(true).st_ino
    for fd in (received, false, true):
        os.close(fd)
    ours.close()
    theirs.close()


def test_a_process_that_sends_nothing_is_waited_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs_opener, "PATIENCE", 0.2)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, pytest.raises(SyscallError, match="stops the process that opens it"):
        procfs_opener._receive(cast(Any, ours), os.getpid(), "mount")


def test_nobody_stops_it() -> None:
    os.close(_raw.open_procfs_in_child())
