"""Terminals: the socket on which the runtime hands over a pty's master, and what is read from one."""

from __future__ import annotations

import array
import os
import select
import socket
import time
from pathlib import Path

from helpers.runtime import TIME_LIMIT


class ConsoleSocket:
    """A listening socket for `--console-socket`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(1)
        self._socket.settimeout(TIME_LIMIT)

    def receive(self) -> tuple[bytes, list[int]]:
        """The message and the descriptors of the one connection."""
        connection, _ = self._socket.accept()
        with connection:
            connection.settimeout(TIME_LIMIT)
            space = socket.CMSG_SPACE(4 * 8)
            message, ancillary, _, _ = connection.recvmsg(4096, space)
        received = array.array("i")
        for level, kind, data in ancillary:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            received.frombytes(data[: len(data) - len(data) % received.itemsize])
        return message, list(received)

    def close(self) -> None:
        self._socket.close()


def read_all(master: int, limit: float = TIME_LIMIT, expect: bytes = b"") -> bytes:
    """Reads a pty's master until its other side is closed, or until `expect` has come."""
    got = b""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline and not (expect and expect in got):
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(master, 65536)
        except OSError:  # EIO: nobody holds the other side
            break
        if not data:
            break
        got += data
    return got
