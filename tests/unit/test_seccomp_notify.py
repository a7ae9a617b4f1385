"""The container process state, as the seccomp agent receives it."""

from __future__ import annotations

import array
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyoci.errors import PyociError
from pyoci.host import seccomp_notify

STATE = {
    "ociVersion": "1.2.0",
    "id": "box",
    "status": "creating",
    "pid": 42,
    "bundle": "/bundles/box",
    "annotations": {"key": "\u00fcber"},
}


class Agent:
    """Takes one connection, reads to its end."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(self.path)
        self._socket.listen(1)
        self.data = b""
        self.fds: list[int] = []
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            while True:
                data, rights, _, _ = connection.recvmsg(4096, socket.CMSG_LEN(64))
                for _, _, payload in rights:
                    self.fds.extend(array.array("i", payload[: len(payload) // 4 * 4]))
                if not data:
                    return
                self.data += data

    def document(self) -> Any:
        self._thread.join(10)
        return json.loads(self.data)

    def close(self) -> None:
        self._socket.close()
        for fd in self.fds:
            os.close(fd)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(tmp_path / "agent")
    yield agent
    agent.close()


@pytest.fixture
def notify_fd(tmp_path: Path) -> Iterator[int]:
    """Any descriptor will do."""
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_the_agent_gets_the_state_with_the_descriptor(agent: Agent, notify_fd: int) -> None:
    seccomp_notify.send(agent.path, "some words", notify_fd, 43, STATE)
    assert agent.document() == {
        "ociVersion": "1.2.0",
        "fds": ["seccompFd"],
        "pid": 43,
        "metadata": "some words",
        "state": STATE,
    }
    assert [os.fstat(fd).st_ino for fd in agent.fds] == [os.fstat(notify_fd).st_ino]


def test_metadata_is_optional(agent: Agent, notify_fd: int) -> None:
    seccomp_notify.send(agent.path, None, notify_fd, 43, STATE)
    assert "metadata" not in agent.document()


def test_a_large_state_arrives_whole_and_its_descriptor_once(agent: Agent, notify_fd: int) -> None:
    large = {**STATE, "annotations": {"key": "x" * 3_000_000}}
    seccomp_notify.send(agent.path, None, notify_fd, 43, large)
    assert agent.document()["state"] == large
    assert len(agent.fds) == 1


def test_no_agent_is_an_error(tmp_path: Path, notify_fd: int) -> None:
    with pytest.raises(PyociError, match=r"listenerPath '.*/nobody': no such file"):
        seccomp_notify.send(str(tmp_path / "nobody"), None, notify_fd, 43, STATE)


def test_a_path_longer_than_a_socket_address_is_an_error(notify_fd: int) -> None:
    with pytest.raises(PyociError, match="AF_UNIX path too long"):
        seccomp_notify.send("/" + "x" * 200, None, notify_fd, 43, STATE)


def test_a_socket_of_another_type_is_an_error(tmp_path: Path, notify_fd: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / "datagrams"))
        with pytest.raises(PyociError, match="EPROTOTYPE"):
            seccomp_notify.send(str(tmp_path / "datagrams"), None, notify_fd, 43, STATE)
