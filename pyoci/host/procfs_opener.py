"""A procfs for a PID namespace that others are in: opened by the host, before the container's side begins.

Linux 6.18 lets whoever opens it name the namespace. Before that it takes a process in the namespace, which a container
may look into: init/procfs_opener.py makes one that has nothing.
"""

from __future__ import annotations

import _socket
import _struct
import errno
import posix

from pyoci.errors import ContainerError, PyociError, SyscallError
from pyoci.init import main, procfs_opener
from pyoci.kernel import mount, process, scm_rights, signals
from pyoci.kernel.pidfd import reap
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.messages import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

PATIENCE = 7.0  # seconds: somebody in the namespace may stop the process in it, which is killed after 5
_REAP_PATIENCE = 1.0
_CREDENTIALS = _struct.Struct("iII")  # struct ucred of unix(7)


def open_for(pid_namespace: int, what: str) -> int:
    """The context (fsopen(2)) of a procfs that shows the namespace; -1 where the runtime has no right to open one.

    A rootless runtime may get that right with the user namespace that it has not entered yet. `what` begins the message
    of a failure. Raises PyociError.
    """
    try:
        context = mount.open_procfs(pid_namespace)
    except SyscallError as error:
        if error.errno != errno.EPERM:
            raise
        return -1
    return _open_apart(pid_namespace, what) if context is None else context


def _open_apart(pid_namespace: int, what: str) -> int:
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    pid = -1
    try:
        ours.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
        with signals.Delayed():
            pid, pidfd = process.clone(0)
            if pid == 0:
                ours.close()
                inherited = Inherited(proc_fd=-1, sources={}, namespaces=[("pid", pid_namespace)])
                main.run_in(inherited, Channel(theirs), lambda channel: procfs_opener.become(pid_namespace, channel))
        theirs.close()
        posix.close(pidfd)
        return _receive(ours, pid, what)
    finally:
        ours.close()
        if pid > 0:
            posix.kill(pid, signals.KILL)
            reap(pid, _REAP_PATIENCE)


def _receive(ours: _socket.socket, pid: int, what: str) -> int:
    """The descriptor from the process `pid`. Whoever has taken a copy of its socket may send what they like."""
    import time

    deadline = time.monotonic() + PATIENCE
    while (left := deadline - time.monotonic()) > 0:
        ours.settimeout(left)
        try:
            packet, ancillary, _, _ = ours.recvmsg(
                4096, _socket.CMSG_SPACE(16) + _socket.CMSG_SPACE(_CREDENTIALS.size), _socket.MSG_CMSG_CLOEXEC
            )
        except TimeoutError:
            break
        fds = scm_rights.received(ancillary)
        if (packet or ancillary) and _sender(ancillary) != pid:  # an end of file has neither
            _close_all(fds)
            continue
        kind, _, text = packet.decode("utf-8", "surrogateescape").partition(" ")
        if kind == "PROCFS" and len(fds) == 1:
            return fds[0]
        _close_all(fds)
        if kind == messages.ERROR:
            _raise(text, what)
        if kind != messages.DEBUG:
            raise ContainerError(f"{what}: the process that opens it in the PID namespace has ended")
    raise SyscallError(errno.ETIMEDOUT, f"{what}: somebody in the PID namespace stops the process that opens it")


def _raise(text: str, what: str) -> NoReturn:
    try:
        messages.raise_reported(text)
    except PyociError as error:
        raise ContainerError(f"{what}: {error}") from None


def _sender(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Its number, as the kernel says: nobody in another PID namespace can say that they are that process."""
    for level, kind, data in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_CREDENTIALS and len(data) == _CREDENTIALS.size:
            return int(_CREDENTIALS.unpack(data)[0])
    return 0


def _close_all(fds: list[int]) -> None:
    for fd in fds:
        posix.close(fd)
