"""The messages between the two sides; docs/architecture.md draws the sequence.

One message is one packet of a SOCK_SEQPACKET pair: a kind, a space, a text. A packet has a fixed upper size, so no
length field can lie (CVE-2021-43784); a longer text is cut by the sender.
"""

from __future__ import annotations

import _socket
import _struct
import errno
import posix

from pyoci.errors import (
    NO_SUCH_FILE,
    PERMISSION_DENIED,
    CgroupError,
    ContainerError,
    ExecutableError,
    HookError,
    PyociError,
    SyscallError,
    UnsupportedError,
    unexpected,
)
from pyoci.kernel import FAILED_CALL, FAILED_PROGRAM, scm_rights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

PID = "PID"  # bootstrap -> host: the number of init
HOLD = "HOLD"  # who prepares an exec -> host: my next child is the process, which must not go on before its GO
MAP = "MAP"  # bootstrap -> host: my user namespace waits for its maps
GO = "GO"  # host -> init: the next part may begin
HOOKS = "HOOKS"  # init -> host: mounts are done, run prestart and createRuntime
SOURCE = "SOURCE"  # init -> host: open the source of the mount with this index, it is its turn
TREE = "TREE"  # host -> init: a detached copy of it, as a descriptor
TERMINAL = "TERMINAL"  # init -> host: the terminal's master, as a descriptor
SECCOMP = "SECCOMP"  # init -> host: the seccomp notify descriptor
READY = "READY"  # init -> host: created, waiting for start
DEBUG = "DEBUG"  # container's side -> host: a call that was made, with --debug
ERROR = "ERROR"  # either way: what failed; the sender is gone
START = "START"  # pyoci start -> init: with the descriptor to report on

_WITH_DESCRIPTOR = (TERMINAL, SECCOMP, TREE)
_TEXT_MAX = 60_000
_PLACE_MAX = 300  # characters
PATIENCE = 10  # seconds in which whoever stopped or froze the other side may let it go on
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0002, 0.05  # seconds
_ONE_SECOND = _struct.pack("ll", 1, 0)  # struct timeval of SO_RCVTIMEO, socket(7)
_KINDS: dict[str, type[PyociError]] = {
    "executable": ExecutableError,
    "hook": HookError,
    "unsupported": UnsupportedError,
    "cgroup": CgroupError,
}


class Channel:
    """One end of the pair."""

    __slots__ = ("_socket", "_trouble", "how_ended", "on_debug")

    def __init__(self, end: _socket.socket) -> None:
        self._socket = end
        self._trouble: Callable[[], str | None] | None = None
        self.on_debug: Callable[[str], None] | None = None
        self.how_ended: Callable[[], str] | None = None  # of the other side, once it has; empty where nobody knows

    @property
    def fd(self) -> int:
        return self._socket.fileno()

    def send(self, kind: str, text: str = "", fd: int = -1) -> None:
        packet = f"{kind} {text}".encode("utf-8", "surrogateescape")[:_TEXT_MAX]
        try:
            scm_rights.send(self._socket, packet, fd)
        except BrokenPipeError:
            while self.receive()[0]:  # what it said before it ended: why
                pass
            raise ContainerError(f"container init {self._ending()} (before {kind} was sent to it)") from None
        except OSError as error:
            raise SyscallError(error.errno or 0, f"send {kind} to the other side") from None

    def watch(self, trouble: Callable[[], str | None] | None = None) -> None:
        """Have `receive` ask every second of waiting why the other side does not go on.

        When `trouble` has had an answer for PATIENCE seconds, `receive` raises it as ContainerError. The answer None
        means that the other side is gone, although somebody keeps a copy of its end open: `receive` says so at once.
        Another `trouble` takes the place of the former one. Without one, a second is what a signal may have to wait
        (kernel.LATE_SIGNAL).
        """
        if self._trouble is None:
            self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, _ONE_SECOND)
        self._trouble = trouble

    def receive(self) -> tuple[str, str, int]:
        """(kind, text, descriptor or -1); kind "" when the other side is gone.

        Raises what the other side reports with ERROR. A descriptor comes with those kinds that have one, always and
        alone: the caller need not look, and no other stays open.
        """
        try:
            packet, ancillary, flags = self._wait()
            while packet.startswith(b"DEBUG ") and self.on_debug is not None and not ancillary:
                self.on_debug(packet[6:].decode("utf-8", "replace"))
                packet, ancillary, flags = self._wait()
        except OSError as error:
            raise SyscallError(error.errno or 0, "receive from the other side") from None
        fd = _only_descriptor(ancillary)
        try:
            if flags & (_socket.MSG_TRUNC | _socket.MSG_CTRUNC):
                raise ContainerError("receive from the other side: a message of the wrong size")
            kind, _, text = packet.decode("utf-8", "surrogateescape").partition(" ")
            if kind == ERROR:
                raise_reported(text)
            if (fd >= 0) != (kind in _WITH_DESCRIPTOR):
                how = "with a" if fd >= 0 else "without its"
                raise ContainerError(f"receive from the other side: {kind!r} {how} descriptor")
        except PyociError:
            if fd >= 0:
                posix.close(fd)
            raise
        return kind, text, fd

    def _wait(self) -> tuple[bytes, list[tuple[int, int, bytes]], int]:
        """The next packet. Raises OSError, ContainerError when the other side cannot go on."""
        stuck = 0
        while True:
            try:
                return self._socket.recvmsg(_TEXT_MAX + 1, _socket.CMSG_SPACE(4 * 4), _socket.MSG_CMSG_CLOEXEC)[:3]
            except ConnectionResetError:
                pass  # it has ended with a message of ours unread; what it said before comes next
            except BlockingIOError:
                stuck = self._look(stuck)
                if stuck < 0:
                    return b"", [], 0

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Wait for something else than a message, for as long as `receive` would. Raises ContainerError."""
        import select

        stuck, pause, waited = 0, _FIRST_PAUSE, 0.0
        while not happened():
            select.select((), (), (), pause)
            waited += pause
            pause = min(2 * pause, _LONGEST_PAUSE)
            if waited >= 1:
                waited, stuck = 0.0, self._look(stuck)
            if stuck < 0:
                raise ContainerError(f"container init {self._ending()}")

    def _look(self, stuck: int) -> int:
        """A second has passed: for how many seconds in turn the other side could not go on, `stuck` before this one.

        -1 when it is gone. Raises ContainerError when that is too long.
        """
        words = self._trouble() if self._trouble is not None else ""
        if words is None:
            return -1
        if not words:
            return 0
        if stuck + 1 >= PATIENCE:
            raise ContainerError(words)
        return stuck + 1

    def is_given_up(self) -> bool:
        """Whether the other side has closed its end, and has left no message."""
        try:
            return not self._socket.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)
        except OSError:
            return False

    def expect(self, *kinds: str) -> tuple[str, str, int]:
        """`receive`; any other kind is an error."""
        kind, text, fd = self.receive()
        if kind not in kinds:
            if fd >= 0:
                posix.close(fd)
            what = f"sent {kind!r} unexpectedly" if kind else self._ending()
            waited = " or ".join(kind or "the program" for kind in kinds)
            raise ContainerError(f"container init {what} (while waiting for {waited})")
        return kind, text, fd

    def _ending(self) -> str:
        return (self.how_ended() if self.how_ended is not None else "") or "exited unexpectedly"

    def close(self) -> None:
        self._socket.close()


def pair() -> tuple[Channel, Channel]:
    """(the host's end, the container's end)."""
    host, container = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    return Channel(host), Channel(container)


def from_descriptor(fd: int) -> Channel:
    return Channel(_socket.socket(fileno=fd))


def report(error: BaseException) -> str:
    """An exception as the text of an ERROR message: KIND|ERRNO|PLACE, or KIND alone, and its words."""
    if not isinstance(error, PyociError):
        return f"error {unexpected(error)}"
    name = next((name for name, kind in _KINDS.items() if isinstance(error, kind)), "error")
    if (error.errno or error.place) and " " not in error.place:
        name = f"{name}|{error.errno}|{error.place}"
    return f"{name} {error}"


def raise_reported(text: str) -> NoReturn:
    """Raise what an ERROR message stands for."""
    head, _, words = text.partition(" ")
    name, _, rest = head.partition("|")
    number, _, place = rest.partition("|")
    if name in (FAILED_CALL, FAILED_PROGRAM):
        raise _refused(name, words).at(place)
    error = _KINDS.get(name, ContainerError)(words or "container init gives no reason")
    error.errno = _number(number)
    raise error.at(place[:_PLACE_MAX])


def _refused(kind: str, text: str) -> PyociError:
    """The call that the kernel refused to `kernel.deferred`: its words and the number of the error."""
    words, _, digits = text.rpartition(" ")
    number = _number(digits)
    error: PyociError
    if kind == FAILED_CALL:
        error = ContainerError(str(SyscallError(number, words)))
    else:
        known = {errno.ENOENT: NO_SUCH_FILE, errno.EACCES: PERMISSION_DENIED}
        error = ExecutableError(f"{words}: {known.get(number, posix.strerror(number).lower())}")
    error.errno = number
    return error


def _number(digits: str) -> int:
    """That of an error; 0 for what the other side should not have sent."""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 5 else 0


def _only_descriptor(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The one descriptor of a message; more than one are closed and refused."""
    fds = scm_rights.received(ancillary)
    if len(fds) > 1:
        for fd in fds:
            posix.close(fd)
        raise ContainerError("receive from the other side: more than one descriptor")
    return fds[0] if fds else -1
