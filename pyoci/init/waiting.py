"""Between `create` and `start`: init holds the start socket, and that it does is what `state` calls created."""

from __future__ import annotations

import _socket
import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import scm_rights
from pyoci.wire import messages
from pyoci.wire.messages import Channel


def for_start(start_fd: int) -> Channel:
    """Block until `pyoci start` sends a socket; the channel reports to it and closes with execve(2).

    Any other message is ignored, and what came with it closed; also that of a `start` that has given up meanwhile, or
    was killed.
    """
    socket = _socket.socket(fileno=posix.dup(start_fd))
    try:
        while True:
            try:
                packet, ancillary, flags, _ = socket.recvmsg(64, scm_rights.SPACE_FOR_ONE, _socket.MSG_CMSG_CLOEXEC)
            except OSError as error:
                raise SyscallError(error.errno or 0, "wait for start") from None
            if flags & _socket.MSG_CTRUNC and not ancillary:
                # no room for it (RLIMIT_NOFILE): to `start` this looks like execve, so init must not stay
                raise SyscallError(errno.EMFILE, "wait for start")
            fds = scm_rights.received(ancillary)
            if packet == messages.START.encode() and len(fds) == 1:
                try:
                    starter = messages.from_descriptor(fds[0])
                except OSError:
                    pass  # no socket, so not from `start`
                else:
                    if not starter.is_given_up():
                        return starter
                    fds = []
                    starter.close()
            for fd in fds:
                posix.close(fd)
    finally:
        socket.close()
