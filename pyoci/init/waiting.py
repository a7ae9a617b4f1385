"""Between `create` and `start`: init holds the notify socket, and that it does is what `state` calls created."""

from __future__ import annotations

import _socket
import _struct
import posix as os

from pyoci.errors import SyscallError
from pyoci.wire import messages
from pyoci.wire.messages import Channel


def for_start(notify_fd: int) -> Channel:
    """Block until `pyoci start` sends a descriptor; the channel reports to it and closes with execve(2)."""
    socket = _socket.socket(fileno=os.dup(notify_fd))
    try:
        while True:
            try:
                packet, ancillary, _, _ = socket.recvmsg(64, _socket.CMSG_SPACE(4), _socket.MSG_CMSG_CLOEXEC)
            except OSError as error:
                raise SyscallError(error.errno or 0, "wait for start") from None
            for level, kind, data in ancillary:
                if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS and packet == messages.START.encode():
                    return messages.from_descriptor(_struct.unpack("i", data[:4])[0])
    finally:
        socket.close()
