"""A seccomp agent: it takes the notify descriptor of a container and answers the calls that the filter hands to it."""

from __future__ import annotations

import array
import contextlib
import fcntl
import json
import os
import select
import socket
import struct
import threading
from pathlib import Path
from typing import Any

# linux/seccomp.h: SECCOMP_IOCTL_NOTIF_RECV and _SEND; struct seccomp_notif, struct seccomp_notif_resp
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTIFICATION, _ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
_MANY = 8  # descriptors, more than ever come
_END = 5.0  # seconds


class Message:
    """What came over one connection: the document, and all descriptors that came with it."""

    def __init__(self, connection: socket.socket) -> None:
        data, rights, _, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(4 * _MANY))
        fds = array.array("i")
        for _level, _kind, content in rights:
            fds.frombytes(content[: len(content) // 4 * 4])
        self.fds = list(fds)
        self.document: dict[str, Any] = json.loads(data)
        # runc 1.1 leaves the end of the connection to its garbage collector
        connection.settimeout(_END)
        try:
            self.is_all = connection.recv(1) == b""
        except TimeoutError:
            self.is_all = False


def answer(fd: int, value: int, flags: int = 0) -> int:
    """Takes one call and answers it, a negative value being an errno; the number of the call."""
    buffer = bytearray(_NOTIFICATION.size)
    fcntl.ioctl(fd, _RECEIVE, buffer)
    fields = _NOTIFICATION.unpack(buffer)
    with contextlib.suppress(FileNotFoundError):  # its process has been killed meanwhile
        fcntl.ioctl(fd, _SEND, _ANSWER.pack(fields[0], max(value, 0), min(value, 0), flags))
    return int(fields[3])


class Agent:
    """Answers every call of every filter with the same value until it is closed."""

    def __init__(self, path: Path, value: int, flags: int = 0) -> None:
        self.messages: list[Message] = []
        self.calls: list[int] = []
        self._answer = value, flags
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(4)
        self._end, self._closing = os.pipe()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Agent:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._closing)
        self._thread.join()
        for message in self.messages:
            for fd in message.fds:
                os.close(fd)
        os.close(self._end)
        self._socket.close()

    def _serve(self) -> None:
        poller = select.poll()
        poller.register(self._end, select.POLLHUP)
        poller.register(self._socket, select.POLLIN)
        while True:
            for fd, events in poller.poll():
                if fd == self._end:
                    return
                if fd == self._socket.fileno():
                    with self._socket.accept()[0] as connection:
                        self.messages.append(Message(connection))
                    for notify in self.messages[-1].fds:
                        poller.register(notify, select.POLLIN)
                elif events & select.POLLIN:
                    with contextlib.suppress(FileNotFoundError):  # as above
                        self.calls.append(answer(fd, *self._answer))
                else:
                    poller.unregister(fd)  # no process has this filter any more
