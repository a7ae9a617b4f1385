"""The seccomp agent gets the notify descriptor and who it belongs to.

config-linux.md, "The Container Process State": one connection, one document, the descriptor with its first
bytes.
"""

from __future__ import annotations

import _socket

from pyoci import jsontext
from pyoci.errors import PyociError, reason
from pyoci.kernel import scm_rights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FD_NAME = "seccompFd"


def send(listener_path: str, metadata: str | None, fd: int, pid: int, state_document: dict[str, Any]) -> None:
    """Send the container process state with the notify descriptor `fd` to the agent at `listener_path`.

    `pid` is the process under the filter as the runtime sees it, init's or that of an exec; `state_document`
    the container's state (runtime.md). The caller keeps `fd` and closes it. PyociError when the agent is
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
    try:
        agent = scm_rights.connect(path)
        try:
            sent = scm_rights.send(agent, data, fd)
            while sent < len(data):
                sent += agent.send(data[sent:], _socket.MSG_NOSIGNAL)
        finally:
            agent.close()
    except OSError as error:
        # what a write that has waited for as long as connecting may (SO_SNDTIMEO) ends with
        stuck = isinstance(error, BlockingIOError)
        why = f"the agent has read nothing for {scm_rights.PATIENCE} s" if stuck else reason(error)
        raise PyociError(f"send the seccomp notify descriptor to listenerPath {path!r}: {why}") from None
