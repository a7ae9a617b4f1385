"""`criu swrk`: a criu of our own that does what one request says. See criu.org/RPC and criu(8).

Requests, answers and notifications are packets of a socket pair. criu finds folders and descriptors by their numbers
in the process that made the pair, /proc/PID/fd/N, so they must stay open here until it has answered.
"""

from __future__ import annotations

import _socket
import posix

from pyoci import phase
from pyoci.criu import codec, rpc
from pyoci.errors import CriuError, PyociError, SyscallError, UnsupportedError, reason
from pyoci.kernel import LATE_SIGNAL, process, scm_rights, signals
from pyoci.kernel.pidfd import how_ended
from pyoci.kernel.pidfd import wait as wait_for_exit
from pyoci.wire import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from typing import Any, NoReturn

    from pyoci.wire.messages import Channel
else:
    import _signal

# iptables, ip and criu itself are there, and not in everyone's PATH.
_MORE_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
# Seconds: what is left to do is little then. criu hangs when it fails there: it waits for the end of the first process
# of a PID namespace, which waits until criu has reaped the other ones, which it traces.
_PATIENCE_ONCE_RESTORED = 60.0
_STEP = LATE_SIGNAL  # between two looks whether criu can go on
_PACKET_MAX = 1 << 20
_PATIENCE = 60.0  # seconds in which a criu that has lost its caller may undo what it did
# Lines of the log that say nothing: its last words, and a limit that criu does without.
_IGNORED = ("Dumping FAILED", "Restoring FAILED", "Pre-dumping FAILED", "rlimit: Can't setup RLIMIT_NOFILE", "---")
_LOG_MAX = 256 << 10  # bytes at its end
_WORDS_MAX = 300


def find(program: str) -> str:
    """The path of criu: `program` (--criu), or the first `criu` of PATH. Raises UnsupportedError."""
    if "/" in program:
        if posix.access(program, posix.X_OK):
            return program
        raise UnsupportedError(f"option --criu: {program!r} is not a program that can be executed")
    name = program or "criu"
    for folder in _path().split(":"):
        path = f"{folder or '.'}/{name}"
        if posix.access(path, posix.X_OK):
            return path
    raise UnsupportedError(
        f"{name!r} is not in PATH: checkpoint and restore are done by criu; install it or name it with --criu"
    )


def _path() -> str:
    path = posix.environ.get(b"PATH", b"").decode("utf-8", "surrogateescape")
    return f"{path or _DEFAULT_PATH}:{_MORE_PATH}"


class Conversation:
    """One criu and the socket to it. Use as a context: on leaving, criu has ended and is reaped."""

    __slots__ = ("_keeper", "_kept_by", "_patience", "_socket", "_trouble", "pid")

    def __init__(
        self,
        program: str,
        inherited: tuple[int, ...] = (),
        prepare: Callable[[Channel], None] | None = None,
        on_message: Callable[[str, str], None] | None = None,
        own_group: bool = True,
    ) -> None:
        """Start it with the descriptors `inherited`, under the same numbers.

        `prepare` runs in the new process before it becomes criu, and may send messages, which go to `on_message` here.
        `own_group`: Ctrl-C, which a terminal sends to the caller's whole group of processes, is for us to hear.
        """
        phase("start criu")
        self._socket, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        self._keeper, self._kept_by = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        self._trouble: Callable[[], str] | None = None
        self._patience = 0.0  # none: criu may take any time
        channel, its_channel = messages.pair()
        executable = _open(program)
        passed = (executable, theirs.fileno(), self._kept_by.fileno(), *inherited)
        self.pid = 0
        try:
            with signals.Delayed():
                self.pid = posix.fork()
                if self.pid == 0:
                    _become(program, passed, prepare, its_channel, own_group)
            theirs.close()
            its_channel.close()
            posix.close(executable)
            channel.watch()
            _listen(channel, on_message)
        except BaseException:
            self.close()
            raise
        finally:
            channel.close()

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up, which makes a criu that still works undo what it did, and wait for its end."""
        _hang_up(self._socket)
        for end in (self._socket, self._keeper, self._kept_by):
            end.close()
        if self.pid:
            try:
                _wait_or_kill(self.pid)
            except ChildProcessError:
                pass
            self.pid = 0

    def kill(self) -> None:
        """End a criu that cannot undo what it did. The processes that it traces would run on."""
        if self.pid:
            posix.kill(self.pid, _signal.SIGKILL)

    def watch(self, trouble: Callable[[], str]) -> None:
        """Ask every second of waiting why criu does not go on: what is so for messages.PATIENCE is a CriuError."""
        self._trouble = trouble

    def request(
        self,
        kind: int,
        options: dict[str, Any] | None = None,
        on_notify: Callable[[str, int, int], None] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Send a request; its answer, of a success or of a failure.

        `on_notify` gets the script's name, a process number or 0, and a descriptor (its own to close) or -1. When it
        raises, criu gets a refusal, and the error goes on once criu has undone its work. From `pre-resume` on criu
        cannot undo it: the error is raised at once, and `kill` must end criu. Raises CriuError when criu hangs up
        without an answer, or does not answer although it has restored the processes.
        """
        request: dict[str, Any] = {"type": kind}
        if options is not None:
            request["opts"] = options
        self._send(request | more)
        failure: BaseException | None = None
        while True:
            answer, fd = self._receive()
            if answer is None:
                if failure is not None:
                    raise failure
                raise CriuError(f"criu {self._ending()} without an answer")
            if answer.get("type") != rpc.NOTIFY:
                if fd >= 0:
                    posix.close(fd)
                if failure is not None:
                    raise failure
                return answer
            notify = answer.get("notify") or {}
            try:
                if failure is None and on_notify is not None:
                    phase(f"criu: {notify.get('script', '')}")
                    on_notify(notify.get("script", ""), notify.get("pid", 0), fd)
                elif fd >= 0:
                    posix.close(fd)
            except BaseException as error:  # an interrupt, too, must not leave criu without an answer
                failure = error
                if notify.get("script") in ("pre-resume", "post-resume"):
                    raise
            if notify.get("script") == "post-restore" and failure is None:
                self._keep_line()
                self._patience = _PATIENCE_ONCE_RESTORED
            elif notify.get("script") == "pre-resume":
                self._release_line()
            self._send({"type": rpc.NOTIFY, "notify_success": failure is None})

    def _ending(self) -> str:
        code = how_ended(self.pid, LATE_SIGNAL) if self.pid else None
        return signals.ending(code) if code is not None and code < 0 else "ended"

    def _keep_line(self) -> None:
        """From now on criu hears no hang-up when we are killed.

        It takes that for an answer to `pre-resume`, and would let the processes go although nobody has looked at them.
        So our end of the line is on its way to criu, in a socket that it never reads: it is open as long as criu is.
        """
        scm_rights.send(self._keeper, b"-", self._socket.fileno())

    def _release_line(self) -> None:
        """The processes have been looked at: criu comes to its end with us or without."""
        flags = _socket.MSG_CMSG_CLOEXEC | _socket.MSG_DONTWAIT
        try:
            ancillary = self._kept_by.recvmsg(1, scm_rights.SPACE_FOR_ONE, flags)[1]
        except BlockingIOError:
            return  # a criu that has not told of `post-restore`
        for fd in scm_rights.received(ancillary):
            posix.close(fd)

    def _send(self, request: dict[str, Any]) -> None:
        data = codec.encode(rpc.REQUEST, request)
        try:
            if len(data) > 100_000:  # more than half of a socket's usual buffer, which one packet must fit in
                self._socket.setsockopt(_socket.SOL_SOCKET, 32, len(data) * 2)  # SO_SNDBUFFORCE
            self._socket.send(data, _socket.MSG_NOSIGNAL)
        except BrokenPipeError:
            return  # the end of file that is received next tells it
        except OSError as error:
            raise SyscallError(error.errno or 0, "send a request to criu") from None

    def _receive(self) -> tuple[dict[str, Any] | None, int]:
        try:
            data, ancillary, flags = self._wait()
        except ConnectionResetError:
            return None, -1
        except OSError as error:
            raise SyscallError(error.errno or 0, "receive from criu") from None
        fds = scm_rights.received(ancillary)
        if not data:
            return None, -1
        if flags & (_socket.MSG_TRUNC | _socket.MSG_CTRUNC) or len(fds) > 1:
            for fd in fds:
                posix.close(fd)
            raise CriuError("criu sent a message of the wrong size")
        return codec.decode(rpc.RESPONSE, data), fds[0] if fds else -1

    def _wait(self) -> tuple[bytes, list[tuple[int, int, bytes]], int]:
        """The next packet. Raises OSError, CriuError when criu cannot go on, or has had its time."""
        step = min(_STEP, self._patience or _STEP)
        self._socket.settimeout(step)
        waited = stuck = 0.0
        while True:
            try:
                return self._socket.recvmsg(_PACKET_MAX, scm_rights.SPACE_FOR_ONE, _socket.MSG_CMSG_CLOEXEC)[:3]
            except TimeoutError:
                waited += step
                words = self._trouble() if self._trouble else ""
                stuck = stuck + step if words else 0.0
                if stuck >= messages.PATIENCE:
                    raise CriuError(f"criu does not go on: {words}") from None
                if self._patience and waited >= self._patience:
                    words = f"has not answered for {self._patience:.0f} s after it had restored the processes"
                    raise CriuError(f"criu {words}") from None


def _hang_up(line: _socket.socket) -> None:
    """For criu, too, where it holds our end of the line."""
    try:
        line.shutdown(_socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended


def _wait_or_kill(pid: int) -> None:
    """Raises ChildProcessError."""
    pidfd = posix.pidfd_open(pid)
    try:
        if not wait_for_exit(pidfd, _PATIENCE):
            posix.kill(pid, signals.KILL)
    finally:
        posix.close(pidfd)
    posix.waitpid(pid, 0)


def version(program: str) -> int:
    """criu's version as one number, 31701 for 3.17.1. Raises CriuError."""
    with Conversation(program) as criu:
        answer = criu.request(rpc.VERSION)
    number = answer.get("version")
    if not answer.get("success") or not number:
        raise CriuError(f"{program} does not report its version: it is older than 3.0, or it is not criu")
    return int(number["major_number"] * 10000 + number["minor_number"] * 100 + number.get("sublevel", 0))


def require_feature(program: str, name: str, wanted_by: str) -> None:
    """Ask whether this criu has the feature on this kernel: mem_track, lazy_pages. Raises CriuError."""
    with Conversation(program) as criu:
        answer = criu.request(rpc.FEATURE_CHECK, features={name: True})
    if not (answer.get("features") or {}).get(name):
        raise CriuError(f"{wanted_by}: criu or this kernel does not have the feature {name}")


def why_failed(answer: dict[str, Any], log: bytes) -> str:
    """The reason of a request that failed: the first and the last error of criu's log, or its answer."""
    errors = [words for words in map(_error_of, log.decode("utf-8", "replace").splitlines()) if words]
    reasons = [words for words in errors if not words.startswith(_IGNORED)]
    reasons = [words for words in reasons if not words.endswith("failed with -1")] or reasons
    if not reasons:
        number = answer.get("cr_errno", 0)
        words = answer.get("cr_errmsg") or (reason(number) if number else "no reason is given")
        return str(words)[:_WORDS_MAX]
    parts = [reasons[0][:_WORDS_MAX]]
    if reasons[-1] != reasons[0]:
        parts.append(reasons[-1][:_WORDS_MAX])
    return "; ".join(parts)


def read_log(folder: int, name: str) -> bytes:
    """The end of criu's log in the folder; empty when there is none."""
    flags = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
    try:
        fd = posix.open(name, flags, dir_fd=folder)
    except OSError:
        return b""
    try:
        size = posix.fstat(fd).st_size
        return posix.pread(fd, _LOG_MAX, max(0, size - _LOG_MAX))
    except OSError:
        return b""
    finally:
        posix.close(fd)


def _error_of(line: str) -> str:
    """`text` of `(00.123) [  1:] Error (criu/mount.c:12): text`; empty for a line that is not an error."""
    _, error, rest = line.partition("Error (")
    if not error:
        return ""
    return rest.partition("): ")[2].strip()


def _listen(channel: Channel, on_message: Callable[[str, str], None] | None) -> None:
    """Until execve(2) closes the other end; raises what the other side reports."""
    while True:
        kind, text, _ = channel.receive()
        if not kind:
            return
        if on_message is not None:
            on_message(kind, text)


def _open(program: str) -> int:
    """Opened now: where criu is going to live, its path may lead elsewhere."""
    try:
        return posix.open(program, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open {program}") from None


def _become(
    program: str,
    passed: tuple[int, ...],
    prepare: Callable[[Channel], None] | None,
    channel: Channel,
    own_group: bool,
) -> NoReturn:
    """`passed`: the program, criu's end of the line, and more; a script's interpreter is given the program, too."""
    executable, socket = passed[:2]
    try:
        signals.let_through()
        if own_group:
            posix.setpgid(0, 0)
        if prepare is not None:
            prepare(channel)
        process.close_on_exec_from(3)
        for fd in passed:
            posix.set_inheritable(fd, True)
        signals.restore()
        environment = {**posix.environ, b"PATH": _path().encode("utf-8", "surrogateescape")}
        posix.execve(executable, [program, "swrk", str(socket)], environment)
    except OSError as error:
        _tell(channel, SyscallError(error.errno or 0, f"execute {program}"))
    except BaseException as error:  # noqa: BLE001  # whatever it is, the other side must get it
        _tell(channel, error)
    posix._exit(1)


def _tell(channel: Channel, error: BaseException) -> None:
    try:
        channel.send(messages.ERROR, messages.report(error))
    except PyociError:
        posix._exit(1)
