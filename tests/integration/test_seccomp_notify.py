"""SCMP_ACT_NOTIFY from the profile to an agent that answers."""

from __future__ import annotations

import array
import ctypes.util
import errno
import fcntl
import json
import os
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
from helpers.forked import forked

from pyoci.errors import SyscallError
from pyoci.host import seccomp as host
from pyoci.host import seccomp_notify
from pyoci.kernel import _raw, seccomp
from pyoci.kernel.process import no_new_privs
from pyoci.plan import seccomp as planner

pytestmark = pytest.mark.skipif(not ctypes.util.find_library("seccomp"), reason="libseccomp is not installed")

# linux/seccomp.h: SECCOMP_IOCTL_NOTIF_RECV and _SEND; struct seccomp_notif, struct seccomp_notif_resp
RECEIVE, SEND = 0xC0502100, 0xC0182101
NOTIFICATION, ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")


def profile(listener: Path, **more: Any) -> dict[str, Any]:
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_NOTIFY"}],
        "listenerPath": str(listener),
        **more,
    }


def load(wanted: dict[str, Any], cache: Path) -> int:
    plan = planner.plan(wanted)
    assert plan is not None
    no_new_privs().make()
    fd = seccomp.load(host.program(plan, str(cache / host.DIRECTORY)).code, plan.flags).make()
    assert fd is not None
    return fd


def answer_once(agent: socket.socket, value: int) -> dict[str, Any]:
    """Be the agent: take the descriptor, answer one call with `value` (a negative one is an errno)."""
    connection, _ = agent.accept()
    with connection:
        data, rights, _, _ = connection.recvmsg(1 << 16, socket.CMSG_LEN(4))
        (fd,) = array.array("i", rights[0][2])
        buffer = bytearray(NOTIFICATION.size)
        fcntl.ioctl(fd, RECEIVE, buffer)
        number = NOTIFICATION.unpack(buffer)[0]
        fcntl.ioctl(fd, SEND, ANSWER.pack(number, max(value, 0), min(value, 0), 0))
        os.close(fd)
    document: dict[str, Any] = json.loads(data)
    return document


@pytest.mark.parametrize("flags", [None, ["SECCOMP_FILTER_FLAG_TSYNC"], ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]])
@pytest.mark.parametrize(("value", "result"), [(4711, 4711), (-errno.EXDEV, "EXDEV")])
def test_the_agent_decides(tmp_path: Path, value: int, result: Any, flags: list[str] | None) -> None:
    path = tmp_path / "agent"
    wanted = profile(path, listenerMetadata="words") | ({} if flags is None else {"flags": flags})
    reader, writer = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
        agent.bind(str(path))
        agent.listen(1)
        pid = os.fork()
        if pid == 0:
            try:
                fd = load(wanted, tmp_path)
                state = {"ociVersion": "1.2.0", "id": "box", "status": "creating", "pid": 1, "bundle": "/b"}
                seccomp_notify.send(str(path), "words", fd, os.getpid(), state)
                os.close(fd)
                try:
                    got: Any = _raw.syscall(_raw.SYS["getppid"])
                except OSError as error:
                    got = errno.errorcode[error.errno or 0]
                os.write(writer, json.dumps([got, os.get_inheritable(writer)]).encode())
            finally:
                os._exit(0)
        document = answer_once(agent, value)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        assert json.load(answer)[0] == result
    os.waitpid(pid, 0)
    assert document["fds"] == ["seccompFd"] and document["pid"] == pid and document["metadata"] == "words"


def test_the_notify_descriptor_is_close_on_exec(tmp_path: Path) -> None:
    assert forked(lambda: os.get_inheritable(load(profile(tmp_path / "agent"), tmp_path))) is False


def test_a_second_listener_is_refused(tmp_path: Path) -> None:
    def inside() -> None:
        for _ in range(2):
            load(profile(tmp_path / "agent"), tmp_path)

    with pytest.raises(SyscallError, match=r"NEW_LISTENER.*EBUSY"):
        forked(inside)
