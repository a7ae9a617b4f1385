"""The foreground: bytes between the caller's terminal and the container's, signals to its process, and reaping."""

from __future__ import annotations

import errno
import posix
import select

from pyoci.host.interrupt import ENDING
from pyoci.kernel import pidfd as pidfds
from pyoci.kernel import proc_stat, signals, streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import Any

    from pyoci.host.readiness import Readiness
else:
    import _signal

_TRACER_PATIENCE = 5.0  # seconds in which a tracer in the container may take notice of the end
_CHUNK = 65536
_PIPE_BUF = 4096
_CTRL_D = b"\x04"  # VEOF, termios(3): the only end of input that a terminal has while its master is open
# what a program does to itself, or what belongs to this loop, is not passed on
_OWN = (
    _signal.SIGCHLD,
    _signal.SIGPIPE,
    _signal.SIGURG,
    _signal.SIGSEGV,
    _signal.SIGBUS,
    _signal.SIGFPE,
    _signal.SIGILL,
    _signal.SIGKILL,
    _signal.SIGSTOP,
)
_IFLAG_RAW = 0o2753  # IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON, see cfmakeraw(3)


class Relay:
    """Use as a context: on leaving, the terminal and the signals are as they were, whatever happened."""

    __slots__ = (
        "_handlers",
        "_line_open",
        "_master",
        "_output",
        "_pending",
        "_saved",
        "_stdin_open",
        "_wakeup",
        "readiness",
    )

    def __init__(self) -> None:
        self._master = -1
        self._saved: list[Any] | None = None
        self._handlers: dict[int, Any] = {}
        self._wakeup: tuple[int, int] = (-1, -1)
        self._output = b""  # read from the terminal, not yet taken by our output
        self._pending = b""  # read from our input, not yet taken by the terminal
        self._stdin_open = True
        self._line_open = False  # what was read from our input last is not a whole line
        self.readiness: Readiness | None = None  # of a program that a service manager waits for

    def adopt(self, master: int, _name: str) -> None:
        """Take the container's terminal; output is not altered on its way (ONLCR off, as runc does)."""
        import termios

        self._master = master
        posix.set_blocking(master, False)
        attributes = termios.tcgetattr(master)
        attributes[1] &= ~termios.ONLCR
        termios.tcsetattr(master, termios.TCSANOW, attributes)
        self._copy_size()

    def __enter__(self) -> Relay:
        reader, writer = posix.pipe()
        posix.set_blocking(writer, False)
        self._wakeup = (reader, writer)
        for number in range(1, 65):
            if (number in _OWN and number != _signal.SIGCHLD) or number in ENDING:
                continue
            self._note(number)
        _signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        if self._master >= 0 and posix.isatty(0):
            self._make_raw()
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._saved is not None:
            import termios

            try:
                termios.tcsetattr(0, termios.TCSANOW, self._saved)  # waits for nobody who reads
            except termios.error:
                pass  # EIO: it has hung up, and nobody sees it any more; not an OSError
        _signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            _signal.signal(number, handler if handler is not None else _signal.SIG_DFL)
        for fd in (*self._wakeup, self._master):
            if fd >= 0:
                posix.close(fd)
        self._master = -1

    def wait(self, pid: int, pidfd: int) -> int:
        """Relay until process `pid`, a child of ours, has ended; its exit status, or 128 + signal."""
        for number in ENDING:  # until now they ended us, with what was begun
            self._note(number)
        signals.let_through()
        while True:
            ready = self._poll(pidfd)
            if self._wakeup[0] in ready:
                self._forward_signals(pidfd)
            if self.readiness is not None and self.readiness.fd in ready and self.readiness.pass_on(stay=True):
                self.readiness = None
            if self._output:
                self._to_stdout(ready)
            elif self._master in ready:
                self._from_master()
            if 0 in ready:
                self._from_stdin()
            if self._pending:
                self._to_master()
            if pidfd in ready:
                status = pidfds.reap(pid, _TRACER_PATIENCE)
                self._pass_on_the_rest()
                _reap()
                code = posix.waitstatus_to_exitcode(proc_stat.exit_status(pid) if status is None else status)
                return code if code >= 0 else 128 - code

    def _note(self, number: int) -> None:
        try:
            handler = _signal.signal(number, _noted)
            self._handlers.setdefault(number, handler)
            if handler == _signal.SIG_IGN:
                signals.ignored.add(number)
        except (OSError, ValueError):
            pass  # those that libc keeps for itself

    def _poll(self, pidfd: int) -> set[int]:
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        poller.register(self._wakeup[0], select.POLLIN)
        if self.readiness is not None:
            poller.register(self.readiness.fd, select.POLLIN)
        if self._master >= 0:
            input = 0 if self._output else select.POLLIN
            poller.register(self._master, input | (select.POLLOUT if self._pending else 0))
            if self._stdin_open and not self._pending:
                poller.register(0, select.POLLIN)
        if self._output:
            poller.register(1, select.POLLOUT)
        return {fd for fd, _ in poller.poll()}

    def _forward_signals(self, pidfd: int) -> None:
        for number in posix.read(self._wakeup[0], 256):
            if number == _signal.SIGCHLD:
                continue  # init's end shows at its pidfd; the others are reaped at the end
            if number == _signal.SIGWINCH and self._master >= 0:
                self._copy_size()
                continue
            try:
                _signal.pidfd_send_signal(pidfd, number)
            except ProcessLookupError:
                return

    def _from_master(self) -> bool:
        """Pass on what the container wrote; False when there is nothing (more)."""
        try:
            data = posix.read(self._master, _CHUNK)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: the last of the container's processes closed it
                raise
            data = b""
        if not data:
            posix.close(self._master)
            self._master = -1
            return False
        self._output = data
        return True

    def _to_stdout(self, ready: set[int]) -> None:
        """A reader that is slow or stopped must not keep us from hearing signals and the container's end."""
        if 1 not in ready:
            return
        try:
            # no more than what a pipe takes at once when it is writable, pipe(7)
            self._output = self._output[posix.write(1, self._output[:_PIPE_BUF]) :]
        except BlockingIOError:
            return
        except OSError:
            self._output = b""  # EPIPE: nobody wants it

    def _pass_on_the_rest(self) -> None:
        """Write out the container's last output; until a signal asks us to end, if nobody reads it."""
        poller = select.poll()
        poller.register(self._wakeup[0], select.POLLIN)
        poller.register(1, select.POLLOUT)
        while self._output or (self._master >= 0 and self._from_master()):
            ready = {fd for fd, _ in poller.poll()}
            if self._wakeup[0] in ready and set(posix.read(self._wakeup[0], 256)) & {*ENDING}:
                return
            self._to_stdout(ready)

    def _from_stdin(self) -> None:
        try:
            self._pending = posix.read(0, _CHUNK)
        except OSError:
            self._pending = b""
        if self._pending:
            self._line_open = not self._pending.endswith(b"\n")
            return
        self._stdin_open = False
        if not posix.isatty(0):  # of a terminal that hung up, the container hears by our end
            self._pending = _CTRL_D * 2 if self._line_open else _CTRL_D  # the first one only ends a line

    def _to_master(self) -> None:
        if self._master < 0:
            self._pending = b""
            return
        try:
            self._pending = self._pending[posix.write(self._master, self._pending) :]
        except BlockingIOError:
            return
        except OSError:
            self._pending = b""

    def _copy_size(self) -> None:
        """Our window's size becomes the container's."""
        if not posix.isatty(0):
            return
        try:
            streams.copy_size(0, self._master)
        except OSError:
            return  # one of the two has hung up meanwhile

    def _make_raw(self) -> None:
        """cfmakeraw(3), keeping OPOST: the container's terminal does echo, line editing and signals, ours line ends."""
        import termios

        try:
            modes, raw = termios.tcgetattr(0), termios.tcgetattr(0)
            raw[0] &= ~_IFLAG_RAW
            raw[2] = raw[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
            raw[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
            termios.tcsetattr(0, termios.TCSANOW, raw)
        except termios.error:
            return  # it has hung up meanwhile
        self._saved = modes


def _noted(_number: int, _frame: object) -> None:
    """The wakeup descriptor has the signal already."""


def _reap() -> None:
    """Processes that the container left to us as its subreaper."""
    try:
        while posix.waitpid(-1, posix.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
