"""What sends a descriptor to a listener outside does not wait for ever for one that accepts nobody."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.sockets import full_listener

from pyoci.errors import PyociError
from pyoci.host import seccomp_notify, send_fd
from pyoci.kernel import scm_rights

SENDERS: dict[str, Callable[[str], None]] = {
    "console and pidfd": lambda path: send_fd.send_descriptor(path, 0, b"/dev/pts/0"),
    "seccomp agent": lambda path: seccomp_notify.send(path, None, 0, os.getpid(), {"ociVersion": "1.0.0"}),
}


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """A sender that waits for ever fails its test, and the others go on."""

    def end(_number: int, _frame: object) -> None:
        raise TimeoutError("it still waits")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "socket")
    with full_listener(path):
        yield path


@pytest.mark.parametrize("sender", SENDERS)
def test_a_listener_that_accepts_nobody_is_not_waited_for_for_ever(
    sender: str, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scm_rights, "PATIENCE", 1)
    with pytest.raises(PyociError) as refused:
        SENDERS[sender](full)
    assert full in str(refused.value)
    assert "the listener has accepted no connection for 1 s" in str(refused.value)


def test_an_agent_that_reads_nothing_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scm_rights, "PATIENCE", 1)
    path = str(tmp_path / "socket")
    state = {"ociVersion": "1.0.0", "annotations": {"longer than": "a socket's buffer" * 1_000_000}}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        with pytest.raises(PyociError, match="the agent has read nothing for 1 s"):
            seccomp_notify.send(path, None, 0, os.getpid(), state)
