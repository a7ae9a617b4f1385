"""Descriptors that go through a socket: SCM_RIGHTS of unix(7)."""

from __future__ import annotations

import _socket
import _struct

PATIENCE = 10  # seconds for a listener to accept a connection
SPACE_FOR_ONE = _socket.CMSG_SPACE(4)  # bytes of ancillary data; their padding may hold a second descriptor


def send(socket: _socket.socket, data: bytes, fd: int, flags: int = 0) -> int:
    """One message with `fd`, or without one where it is negative; how many bytes of `data` went. Raises OSError.

    The sender keeps its descriptor. A reader that is gone raises BrokenPipeError and sends no SIGPIPE.
    """
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, _struct.pack("i", fd))] if fd >= 0 else []
    return socket.sendmsg([data], rights, flags | _socket.MSG_NOSIGNAL)


def connect(path: str) -> _socket.socket:
    """A stream to the listener at `path`. OSError; TimeoutError for one with a full queue that accepts nobody."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        # connect(2) waits for room in the queue as long as a write may (socket(7))
        connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, _struct.pack("ll", PATIENCE, 0))
        connection.connect(path.encode("utf-8", "surrogateescape"))
    except BlockingIOError:
        connection.close()
        raise TimeoutError(f"the listener has accepted no connection for {PATIENCE} s") from None
    except BaseException:
        connection.close()
        raise
    return connection


def received(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    """Every descriptor that came with a message; the caller owns them."""
    fds: list[int] = []
    for level, kind, data in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            fds.extend(_struct.unpack(f"{len(data) // 4}i", data[: len(data) // 4 * 4]))
    return fds
