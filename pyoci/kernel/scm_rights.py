"""Descriptors that go through a socket: SCM_RIGHTS of unix(7)."""

from __future__ import annotations

import _socket
import _struct

SPACE_FOR_ONE = _socket.CMSG_SPACE(4)  # bytes of ancillary data; their padding may hold a second descriptor


def send(socket: _socket.socket, data: bytes, fd: int, flags: int = 0) -> int:
    """One message with `fd`, or without one where it is negative; how many bytes of `data` went. Raises OSError.

    The sender keeps its descriptor. A reader that is gone raises BrokenPipeError and sends no SIGPIPE.
    """
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, _struct.pack("i", fd))] if fd >= 0 else []
    return socket.sendmsg([data], rights, flags | _socket.MSG_NOSIGNAL)


def received(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    """Every descriptor that came with a message; the caller owns them."""
    fds: list[int] = []
    for level, kind, data in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            fds.extend(_struct.unpack(f"{len(data) // 4}i", data[: len(data) // 4 * 4]))
    return fds
