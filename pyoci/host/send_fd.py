"""Descriptors that go to whoever called: a terminal's master to --console-socket, a pidfd to --pidfd-socket."""

from __future__ import annotations

import _stat as stat
import posix

from pyoci.errors import PyociError, reason
from pyoci.kernel import scm_rights


def send_descriptor(path: str, fd: int, name: bytes, what: str = "", option: str = "") -> None:
    """One message with the descriptor; its text is the name, as runc sends it and containerd's console reads it.

    `what` is the name for people, where they differ; `option` has `path` as its value.
    """
    try:
        if stat.S_ISLNK(posix.stat(path, follow_symlinks=False).st_mode):
            from pyoci.kernel import foreign_link  # of few callers

            maker = foreign_link.maker(path)
            if maker:
                raise PyociError(f"connect to socket {path}: {foreign_link.words(maker)}")
        connection = scm_rights.connect(path)
        try:
            scm_rights.send(connection, name, fd)
        finally:
            connection.close()
    except OSError as error:
        words = f"send {what or name.decode()} to socket {path}: {reason(error)}"
        raise PyociError(words).at(option) from None


class ConsoleSocket:
    """The function that gets the terminal's master (`handshake.until_ready`, `spawn.enter`): it goes to `path`."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, master: int, name: str) -> None:
        try:
            send_descriptor(self.path, master, name.encode(), option="--console-socket")
        finally:
            posix.close(master)
