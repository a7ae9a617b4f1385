"""Make a container, or a process in one, stay its parent, and tell how it ended: what pyoci.library calls.

A container's exit status goes to its parent alone, and `create` is gone by then. A supervisor is that parent. It tells
its caller by a SOCK_SEQPACKET socket, one JSON object a packet:

    terminal    the master of the terminal comes with it as a descriptor
    created     the process is there; its number, and a pidfd comes with it
    exited      it has ended, and nothing of it is left
    warning     something was not applied, or was strange; its words, as a log would have them
    failed      it could not be made, and nothing of it is left; an error as `errors.to_data` has it

and writes how a container ended into its entry (EXIT_FILE), for `wait` in other processes and later on. The file is
there from the beginning and only filled at the end: no name comes into a folder that `delete` is about to remove.
"""

from __future__ import annotations

import _socket
import posix
import select

from pyoci import errors, jsontext, log, phase
from pyoci.errors import CgroupError, PyociError, SyscallError
from pyoci.host import create as creation
from pyoci.host import delete, process_tree
from pyoci.host import exec as execution
from pyoci.host import run as running
from pyoci.host.interrupt import ENDING, undo_when_asked_to_end
from pyoci.kernel import process, scm_rights, signals, streams
from pyoci.record import Record
from pyoci.state import status
from pyoci.state.store import EXIT_FILE, Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import Any

    from pyoci.host.bundle_plan import Options
    from pyoci.host.create import Created
    from pyoci.state.model import State
else:
    import _signal

# of a message; what SO_SNDBUF allows is more, and the longest field of an error is cut
_MESSAGE_MAX = 60_000
_REAP_EVERY = 5000  # milliseconds: zombies of a container that has no PID namespace of its own


class Report:
    """The supervisor's end of the socket to its caller."""

    __slots__ = ("_size", "_socket")

    def __init__(self, fd: int, size: tuple[int, int] | None) -> None:
        self._size = size  # rows and columns of the terminal that will come by
        try:
            self._socket = _socket.socket(fileno=fd)
            posix.set_inheritable(fd, False)
        except OSError as error:
            raise SyscallError(error.errno or 0, f"take over descriptor {fd}") from None

    @property
    def fd(self) -> int:
        return self._socket.fileno()

    def send(self, event: str, fields: dict[str, Any], fd: int = -1) -> bool:
        """Whether the caller is still there to read it."""
        packet = jsontext.dumps({"event": event, **fields}).encode()
        try:
            scm_rights.send(self._socket, packet, fd)
        except OSError:
            return False
        return True

    def failed(self, error: PyociError) -> bool:
        data = errors.to_data(error)
        data["message"] = data["message"][:_MESSAGE_MAX]
        if len(repr(data["fields"])) > _MESSAGE_MAX:
            data["fields"] = {}
        return self.send("failed", {"error": data})

    def warn(self, level: str, message: str) -> None:
        """For `log.send_to`. A caller that does not read loses it: nothing waits for that."""
        if level == "warning":
            packet = jsontext.dumps({"event": "warning", "message": message}).encode()
            try:
                self._socket.send(packet, _socket.MSG_DONTWAIT)
            except OSError:
                pass

    def terminal(self, master: int, _name: str) -> None:
        if self._size is not None:
            streams.set_size(master, *self._size)
        self.send("terminal", {}, master)
        posix.close(master)

    def close(self) -> None:
        self._socket.close()


class Exit(Record):
    """How a process ended: `code`, or the `signal` that ended it; whether the kernel killed for lack of memory."""

    code: int | None
    signal: int | None
    oom_killed: bool = False


def detach() -> bool:
    """Go on in a process that has no parent and no terminal; False in the caller's child, which is done."""
    if posix.fork():
        return False
    posix.setsid()
    return True


def create(options: Options, report: Report, caller: int) -> None:
    """Make a container, and stay until it has ended; where `caller`, a pidfd, ends before, kill and delete it."""
    undo_when_asked_to_end()
    options.supervised = True
    created = creation.create(options, report.terminal)
    created.entry.unlock()  # `start` is another process
    # Now: `delete` may take its name away before this process has noticed the end. A waiting process has it open as
    # well.
    exit_file = _open_exit_file(created.entry)
    is_heard = report.send("created", {"pid": created.pid}, created.pidfd)
    report.close()
    posix.chdir("/")  # the caller's folder may be on a disk that somebody wants to take out
    process.close_all_but([created.entry.dirfd, created.pidfd, caller, exit_file])
    if not is_heard:
        delete.stop(created.state)
    _leave_streams()
    ended, abandoned = _wait_for_container(created, [caller] if caller >= 0 else [])
    _write_down(exit_file, ended)
    if abandoned or not is_heard:
        _remove(created, killed=True)


def run(options: Options, report: Report, caller: int) -> None:
    """Make a container, start it, wait for its end and delete it. The end of `caller` or of the socket ends it."""
    undo_when_asked_to_end()
    created = creation.create(options, report.terminal)
    running.begin(created)
    report.send("created", {"pid": created.pid}, created.pidfd)
    _leave_streams()
    ended, abandoned = _wait_for_container(created, [fd for fd in (caller, report.fd) if fd >= 0])
    _remove(created, killed=abandoned)
    _tell(report, ended)


def execute(entry: Entry, options: execution.Options, report: Report, caller: int) -> None:
    """Run a process in a container to its end. The end of `caller` or of the socket kills it and its children."""
    undo_when_asked_to_end()
    before = _oom_kills(entry.read())
    child = execution.begin(entry, options, report.terminal)
    report.send("created", {"pid": child.pid}, child.pidfd)
    _leave_streams()
    watch = _Watch(child.pid, child.pidfd, [fd for fd in (caller, report.fd) if fd >= 0])
    if watch.wait():
        process_tree.kill(child.pid)
        watch.wait()
    ended = _exit(watch.status)
    ended.oom_killed = ended.signal == signals.KILL and _oom_kills_of(entry) > before
    _tell(report, ended)


class _Watch:
    """Waits for a child of ours, and for the end of whoever wants it."""

    __slots__ = ("_others", "_pid", "_poller", "_signals", "status")

    def __init__(self, pid: int, pidfd: int, others: list[int]) -> None:
        self._pid = pid
        self._others = others
        self.status: int | None = None
        self._poller = select.poll()
        self._signals = _noted_signals()
        for fd in (pidfd, self._signals, *others):
            self._poller.register(fd, select.POLLIN)

    def wait(self, reap: bool = False) -> bool:
        """Whether somebody ended who wanted the process, which then still runs; False: it has ended."""
        while True:
            ready = {fd for fd, _ in self._poller.poll(_REAP_EVERY if reap else None)}
            if self._has_ended():
                return False
            asked_to_end = self._signals in ready and bool(posix.read(self._signals, 64))
            # A signal to a supervisor that nobody waits for: the container would be left without it.
            if any(fd in ready for fd in self._others) or (asked_to_end and self._others):
                for fd in self._others:
                    self._poller.unregister(fd)
                self._others = []
                return True

    def _has_ended(self) -> bool:
        """Reap all children that have ended, the container's orphans too."""
        try:
            while True:
                pid, wait_status = posix.waitpid(-1, posix.WNOHANG)
                if not pid:
                    return self.status is not None
                if pid == self._pid:
                    self.status = wait_status
        except ChildProcessError:
            return True


def _wait_for_container(created: Created, others: list[int]) -> tuple[Exit, bool]:
    """How it ended, and whether because one of `others` did."""
    shares = not created.state.own_pid_namespace
    if shares:
        process.become_subreaper()
    watch = _Watch(created.pid, created.pidfd, others)
    phase("wait for the program's end")
    abandoned = watch.wait(reap=shares)
    if abandoned:
        delete.stop(created.state)
        watch.wait()
    ended = _exit(watch.status)
    ended.oom_killed = _oom_kills(created.state) > 0
    return ended, abandoned


def _exit(wait_status: int | None) -> Exit:
    """Of a process whose status somebody else has taken, nothing is known: that is not the same as status 0."""
    if wait_status is None:
        return Exit(code=None, signal=None)
    code = posix.waitstatus_to_exitcode(wait_status)
    return Exit(code=code, signal=None) if code >= 0 else Exit(code=None, signal=-code)


def _oom_kills(state: State) -> int:
    if not state.cgroup:
        return 0
    try:
        return status.cgroup(state).oom_kills()
    except CgroupError:
        return 0  # the group is gone: somebody deleted the container


def _oom_kills_of(entry: Entry) -> int:
    try:
        return _oom_kills(entry.read())
    except PyociError:
        return 0


def _open_exit_file(entry: Entry) -> int:
    """-1 when somebody has deleted the container already."""
    try:
        return posix.open(EXIT_FILE, posix.O_WRONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=entry.dirfd)
    except OSError:
        return -1


def _write_down(exit_file: int, ended: Exit) -> None:
    """By one write: it is all there, or nothing."""
    if exit_file >= 0:
        try:
            posix.write(exit_file, jsontext.dumps(_members(ended)).encode() + b"\n")
        except OSError:
            pass  # no memory for a tmpfs: nobody knows how it ended


def _members(ended: Exit) -> dict[str, Any]:
    return {"code": ended.code, "signal": ended.signal, "oom_killed": ended.oom_killed}


def _tell(report: Report, ended: Exit) -> None:
    report.send("exited", _members(ended))
    report.close()


def _remove(created: Created, killed: bool) -> None:
    """Delete, unless somebody else has. `killed`: as for `delete.destroy`."""
    try:
        if created.entry.lock_unless_gone():
            delete.destroy(created.entry, created.state, killed)
    except PyociError as error:
        log.warning(f"container {created.entry.id} is not deleted: {error}")  # the caller learns how it ended


def _noted_signals() -> int:
    """From here on those signals come out of the descriptor that this returns."""
    reader, writer = posix.pipe()
    posix.set_blocking(writer, False)
    for number in ENDING:
        _signal.signal(number, _noted)
    _signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signals.let_through()
    return reader


def _noted(_number: int, _frame: object) -> None:
    """The wakeup descriptor has the signal already."""


def _leave_streams() -> None:
    """The standard streams are the program's alone: their other ends must see it close them."""
    null = posix.open("/dev/null", posix.O_RDWR | posix.O_CLOEXEC)
    for fd in (0, 1, 2):
        posix.dup2(null, fd, inheritable=False)
    posix.close(null)
