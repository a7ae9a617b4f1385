"""One hook run to its end: on the host's side, and inside the container, where nothing is imported.

The standard input of a hook is a memory file that holds the whole document: a hook that does not read it
cannot block us. Its output is read as it comes, and only the tail is kept.
"""

from __future__ import annotations

import posix
import select
import time

from pyoci.errors import HOOK_FAILED, HookError, SyscallError, reason
from pyoci.kernel import LATE_SIGNAL, deferred, pidfd, process, signals, write_all
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

TAIL = 2048  # bytes of output kept for the error message
_READ = 65536  # a pipe's capacity, see pipe(7)
_LAST_READS = 2
_TRACER_PATIENCE = 10.0  # seconds in which a process that traces a hook may give its end to us
_SEEK_SET = 0  # posix does not have it
_FAILED = 127  # what a shell says of a program that could not be run


class Program(Record):
    """The program of a hook, and all that it is given.

    env           exactly its environment, `KEY=value` each
    cwd           its working directory; empty for the caller's
    before_close  called in the child while our descriptors are still open
    before_exec   called in the child as the last thing before execve
    """

    path: str
    argv: list[str]
    env: list[str]
    cwd: str = ""
    before_close: Callable[[], None] | None = None
    before_exec: Callable[[], None] | None = None


class HookResult(Record):
    """How a hook ended.

    status     exit status, or minus the signal's number
    timed_out  it was killed because its time was over
    kept       it has ended, and a process that traces it keeps from us how
    refused    why it could not even be executed; empty when it was
    errno      of the call that was refused then
    output     the tail of what it wrote to standard output and error
    """

    status: int
    timed_out: bool = False
    kept: bool = False
    refused: str = ""
    errno: int = 0
    output: bytes = b""

    @property
    def succeeded(self) -> bool:
        return self.status == 0 and not self.timed_out and not self.kept and not self.refused


def error_of(kind: str, index: int, path: str, result: HookResult) -> HookError:
    """The error of the hook `path` at /hooks/KIND/INDEX of config.json, which has not succeeded."""
    error = HookError(f"{HOOK_FAILED} {kind} hook #{index}: {path}: {describe(result)}")
    error.errno = result.errno
    return error.at(f"/hooks/{kind}/{index}")


def describe(result: HookResult) -> str:
    """How a hook ended, for people, with the end of its output."""
    if result.refused:
        return f"cannot be executed: {result.refused}"
    if result.timed_out:
        words = "killed: its timeout is over"
    elif result.kept:
        words = "ended, and a process that traces it does not let go of it"
    else:
        words = signals.ending(result.status).removeprefix("was ")
    output = result.output.decode("utf-8", "replace").strip()
    return f"{words}: {output}" if output else words


def run_hook(program: Program, stdin: bytes, timeout: float | None = None) -> HookResult:
    """Execute the program and wait until it exits.

    After `timeout` seconds it is killed with its process group. Only descriptors 0 to 2 reach the hook. Processes that
    it leaves behind are not waited for.

    Raises SyscallError when no child can be made.
    """
    opened: list[int] = []
    try:
        document = _document(stdin, opened)
        output, output_end = _pipe(opened)
        failure, failure_end = _pipe(opened, posix.O_NONBLOCK)
        runtime, pid = posix.getpid(), -1
        try:
            with signals.Delayed():
                pid = posix.fork()
                if pid == 0:
                    _child(runtime, program, document, output_end, failure_end)
            for fd in (document, output_end, failure_end):
                posix.close(fd)
                opened.remove(fd)
            tail, timed_out = _watch(pid, output, timeout)
        except BaseException:  # a signal has asked the runtime to end, for one
            if pid > 0:
                _kill_group(pid)
                pidfd.reap(pid, _TRACER_PATIENCE)
            raise
        ended = pidfd.reap(pid, _TRACER_PATIENCE)
        if ended is None:
            return HookResult(status=_FAILED, timed_out=timed_out, kept=True, output=tail)
        status = posix.waitstatus_to_exitcode(ended)
        # Closed by execve; a descendant cannot hold it, but a tracer can (pidfd_getfd(2)): this does not wait.
        number, _, refused = _read(failure)[:TAIL].decode("utf-8", "replace").partition(" ")
        errno = int(number) if number.isdecimal() else 0  # a tracer can write there, too
    except OSError as error:
        raise SyscallError(error.errno or 0, f"run hook {program.path!r}") from None
    finally:
        for fd in opened:
            posix.close(fd)
    return HookResult(status=status, timed_out=timed_out, refused=refused, errno=errno, output=tail)


def _document(content: bytes, opened: list[int]) -> int:
    fd = posix.memfd_create("hook-stdin", posix.MFD_CLOEXEC)
    opened.append(fd)
    write_all(fd, content)
    posix.lseek(fd, 0, _SEEK_SET)
    return fd


def _pipe(opened: list[int], flags: int = 0) -> tuple[int, int]:
    ends = posix.pipe2(posix.O_CLOEXEC | flags)
    opened += ends
    return ends


def _child(runtime: int, program: Program, document: int, output: int, failure: int) -> NoReturn:
    """The child between fork and execve."""
    try:
        signals.let_through()
        posix.setpgid(0, 0)  # so that the time limit reaches what the hook starts
        process.die_with_parent(signals.KILL, runtime)  # one that is killed leaves no hook of a create behind
        # dup2 to the same number would leave it close-on-exec, so first out of the way of 0 to 2.
        source, sink, failure = (_above_standard(fd) for fd in (document, output, failure))
        posix.dup2(source, 0)
        posix.dup2(sink, 1)
        posix.dup2(sink, 2)
        process.close_on_exec_from(3)
        if program.cwd:
            posix.chdir(program.cwd)
        if program.before_close is not None:
            program.before_close()
        # /proc/self/fd/N must not lead the look-up of a hook's path out of the container (CVE-2024-21626)
        process.close_all_but([failure])
        signals.restore()
        execve = deferred.execve(program.path, program.argv, program.env)
        if program.before_exec is not None:
            program.before_exec()
        execve.make()
    except BaseException as error:  # noqa: BLE001  # this copy of the runtime must end here
        posix.write(failure, f"{getattr(error, 'errno', 0) or 0} {_words(error)}".encode("utf-8", "replace"))
    finally:
        posix._exit(_FAILED)


def _above_standard(fd: int) -> int:
    copies = []
    while fd < 3:
        copies.append(fd)
        fd = posix.dup(fd)
    return fd


def _watch(pid: int, output: int, timeout: float | None) -> tuple[bytes, bool]:
    """Read the hook's output until it exits or its time is over: the tail, and whether it was killed."""
    posix.set_blocking(output, False)
    process_fd = posix.pidfd_open(pid)
    try:
        poller = select.poll()
        poller.register(process_fd, select.POLLIN)
        poller.register(output, select.POLLIN)
        end = None if timeout is None else time.monotonic() + timeout
        tail = b""
        timed_out = False
        while True:
            left = LATE_SIGNAL if end is None else min(LATE_SIGNAL, max(0.0, end - time.monotonic()))
            ready = dict(poller.poll(left * 1000))
            if output in ready and not (chunk := _read(output)):
                poller.unregister(output)
            elif output in ready:
                tail = (tail + chunk)[-TAIL:]
            if process_fd in ready:
                break
            if end is not None and not timed_out and time.monotonic() >= end:
                timed_out = True
                end = None
                _kill_group(pid)
        # What is still in the pipe; not up to its end: a daemon that was left behind may keep it open.
        for _ in range(_LAST_READS):
            tail = (tail + _read(output))[-TAIL:]
        return tail, timed_out
    finally:
        posix.close(process_fd)


def _read(fd: int) -> bytes:
    try:
        return posix.read(fd, _READ)
    except BlockingIOError:
        return b""


def _kill_group(pid: int) -> None:
    """Kill the hook and what it started; it is not yet waited for, so its numbers are still its own."""
    try:
        posix.killpg(pid, signals.KILL)
    except ProcessLookupError:
        pass  # it has not come as far as making the group
    posix.kill(pid, signals.KILL)


def _words(error: BaseException) -> str:
    if isinstance(error, SyscallError) and not error.call.startswith("exec "):
        return f"{error}"
    if isinstance(error, (OSError, SyscallError)) and error.errno:
        return reason(error.errno)
    return f"{error}"
