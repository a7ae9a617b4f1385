"""The seccomp agent gets the notify descriptor and who it belongs to.

config-linux.md, "The Container Process State": one connection, one document, the descriptor with its first
bytes.
"""

from __future__ import annotations

import _socket
import errno

from pyoci import jsontext
from pyoci.errors import SyscallError
from pyoci.kernel import scm_rights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FD_NAME = "seccompFd"


def send(listener_path: str, metadata: str | None, fd: int, pid: int, state_document: dict[str, Any]) -> None:
    """Send the container process state with the notify descriptor `fd` to the agent at `listener_path`.

    `pid` is the process under the filter as the runtime sees it, init's or that of an exec; `state_document`
    the container's state (runtime.md). The caller keeps `fd` and closes it. SyscallError when the agent is
    not there or goes away.
    """
    document: dict[str, Any] = {
        "ociVersion": state_document["ociVersion"],
        "fds": [_FD_NAME],
        "pid": pid,
        "state": state_document,
    }
    if metadata:
        document["metadata"] = metadata
    _deliver(listener_path, jsontext.dumps(document).encode(), fd)


def _deliver(path: str, data: bytes, fd: int) -> None:
    what = f"send the seccomp notify descriptor to listenerPath {path!r}"
    agent = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        agent.connect(path.encode("utf-8", "surrogateescape"))
        sent = scm_rights.send(agent, data, fd)
        while sent < len(data):
            sent += agent.send(data[sent:], _socket.MSG_NOSIGNAL)
    except OSError as error:
        # "AF_UNIX path too long" is Python's own, without a number
        raise SyscallError(error.errno or errno.ENAMETOOLONG, what) from None
    finally:
        agent.close()
