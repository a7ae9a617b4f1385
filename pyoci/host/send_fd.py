"""Descriptors that go to whoever called: a terminal's master to --console-socket, a pidfd to --pidfd-socket."""

from __future__ import annotations

import _socket
import posix

from pyoci.errors import PyociError, reason
from pyoci.kernel import scm_rights


def send_descriptor(path: str, fd: int, name: bytes, what: str = "") -> None:
    """One message with the descriptor; its text is the name, as runc sends it and containerd's console reads it.

    `what` is the name for people, where they differ.
    """
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        connection.connect(path)
        scm_rights.send(connection, name, fd)
    except OSError as error:
        raise PyociError(f"send {what or name.decode()} to socket {path}: {reason(error)}") from None
    finally:
        connection.close()


class ConsoleSocket:
    """The function that gets the terminal's master (`handshake.until_ready`, `spawn.enter`): it goes to `path`."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, master: int, name: str) -> None:
        try:
            send_descriptor(self.path, master, name.encode())
        finally:
            posix.close(master)
