"""sd_notify(3): the container's READY=1 becomes ours, for the service manager that called us with NOTIFY_SOCKET.

The manager's own socket stays out of the container: what is sent there counts as the service's word, MAINPID= and
descriptors included. So the container gets a socket of ours, in a folder that `create` makes and binds to /run/notify;
whoever starts the program listens on it until it says that it is ready.
"""

from __future__ import annotations

import _socket
import errno
import posix
import select

from pyoci import log, phase
from pyoci.errors import SyscallError, reason
from pyoci.kernel import LATE_SIGNAL, scm_rights
from pyoci.plan.readiness import SOCKET
from pyoci.state import status
from pyoci.state.store import READINESS_FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.state.model import State
    from pyoci.state.store import Entry

_MESSAGE_MAX = 4096
_READY = b"READY=1"
# Seconds for the manager to take READY=1 (its queue is full while it is stopped), and to look up who sent it, which it
# cannot once we are gone; as long as systemd-notify(1).
_PATIENCE = 5.0


class Readiness:
    """The container's socket, until its program has said READY=1."""

    __slots__ = ("_init", "_manager", "_pid", "_socket")

    def __init__(self, socket: _socket.socket, manager: bytes, pid: int, init: int) -> None:
        self._socket = socket
        self._manager = manager
        self._pid = pid
        self._init = init

    @property
    def fd(self) -> int:
        """Readable when `pass_on` has something to do."""
        return self._socket.fileno()

    def wait(self) -> None:
        """Until the program is ready, and the service's main process from then on; or until it has ended."""
        phase("wait for READY=1")
        poller = select.poll()
        poller.register(self.fd, select.POLLIN)
        poller.register(self._init, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poller.poll(LATE_SIGNAL * 1000)}
            if self.fd in ready:
                if self.pass_on(stay=False):
                    return
            elif self._init in ready:
                return

    def pass_on(self, *, stay: bool) -> bool:
        """Read one message; when it says READY=1, say so to the manager, and True. No other word is passed on.

        A caller that does not `stay` leaves the container's process in its place, and waits until the manager has
        understood.
        """
        # no room for descriptors: the kernel drops those that the container sends along
        if _READY not in self._socket.recv(_MESSAGE_MAX).split(b"\n"):
            return False
        # what the program has to say later is refused, where unread messages would in the end block it
        self._socket.close()
        try:
            manager = _connect(self._manager)
            manager.send(_READY + b"\n" if stay else _READY + b"\nMAINPID=%d\n" % self._pid)
            if not stay:
                _wait_until_read(manager)
        except OSError as error:
            why = f"it has read nothing for {_PATIENCE:g} s" if isinstance(error, TimeoutError) else reason(error)
            log.warning(f"pass READY=1 on to {_shown(self._manager)}: {why}")
        return True


def listen(entry: Entry, state: State) -> Readiness | None:
    """Before the program starts. None when there is no manager, none was there at `create`, or it cannot be reached:
    a variable that a service left to its children must not make them wait for ever.
    """
    manager = posix.environ.get(b"NOTIFY_SOCKET", b"")
    init = status.hold_init(state)
    if not manager or init is None:
        return None
    try:
        _connect(manager).close()
    except OSError as error:
        log.warning(f"{_shown(manager)}: {reason(error)}; pyoci does not pass READY=1 on")
        return None
    name = f"{READINESS_FOLDER}/{SOCKET}"
    entry.unlink(name)  # of a start that was killed before it could say START
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    umask = posix.umask(0)  # the program's user may be anybody
    try:
        socket.bind(f"/proc/self/fd/{entry.dirfd}/{name}")
    except FileNotFoundError:
        socket.close()
        return None
    except OSError as error:
        raise SyscallError(error.errno or 0, f"bind {entry.path}/{name}") from None
    finally:
        posix.umask(umask)
    return Readiness(socket, manager, state.pid, init)


def _shown(manager: bytes) -> str:
    return f"NOTIFY_SOCKET={manager.decode('utf-8', 'surrogateescape')}"


def _connect(manager: bytes) -> _socket.socket:
    """sd_notify(3): an absolute path, or a name in the abstract namespace after an @."""
    if not manager.startswith((b"/", b"@")):
        raise OSError(errno.EAFNOSUPPORT, "")
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    socket.settimeout(_PATIENCE)
    socket.connect(b"\0" + manager[1:] if manager.startswith(b"@") else manager)
    return socket


def _wait_until_read(manager: _socket.socket) -> None:
    """sd_notify_barrier(3): the manager closes the descriptor when it has worked off what came before."""
    reader, writer = posix.pipe()
    scm_rights.send(manager, b"BARRIER=1", writer)
    posix.close(writer)
    poller = select.poll()
    poller.register(reader, 0)  # POLLHUP needs no asking
    poller.poll(_PATIENCE * 1000)
    posix.close(reader)
