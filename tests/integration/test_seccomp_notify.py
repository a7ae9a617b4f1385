"""SCMP_ACT_NOTIFY from the profile to an agent that answers."""

from __future__ import annotations

import ctypes.util
import errno
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.forked import forked
from helpers.runtime import Runtime
from helpers.seccomp_agent import CONTINUE, Agent, Message, answer

from pyoci.errors import SyscallError
from pyoci.host import seccomp as host
from pyoci.host import seccomp_notify
from pyoci.kernel import _raw, seccomp
from pyoci.kernel.process import no_new_privs
from pyoci.plan import seccomp as planner

pytestmark = pytest.mark.skipif(not ctypes.util.find_library("seccomp"), reason="libseccomp is not installed")


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
        message = Message(connection)
    (fd,) = message.fds
    answer(fd, value)
    os.close(fd)
    return message.document


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


class TestContainer:
    """config-linux.md, "The Container Process State"."""

    @staticmethod
    def filtered(bundle: Bundle, agent: Path, *calls: str, **more: Any) -> None:
        bundle.linux["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": list(calls or ("mkdir", "mkdirat")), "action": "SCMP_ACT_NOTIFY"}],
            "listenerPath": str(agent),
            **more,
        }

    @pytest.mark.parametrize("metadata", ["", "words of an engine, with \u00e4"])
    def test_what_the_agent_is_told(self, runtime: Runtime, bundle: Bundle, scratch: Path, metadata: str) -> None:
        self.filtered(bundle, scratch / "agent", **({"listenerMetadata": metadata} if metadata else {}))
        bundle.config["annotations"] = {"org.example.key": "value"}
        bundle.sh("mkdir /tmp/x 2>&1 || echo refused; exec sleep 100")
        with Agent(scratch / "agent", -errno.EXDEV) as agent:
            container = runtime.start(bundle)
            (message,) = agent.messages
            document = message.document
            assert document.pop("metadata", "") == metadata
            assert document["fds"] == ["seccompFd"] and len(message.fds) == 1
            assert message.is_all or not runtime.is_pyoci, "the connection is not closed after one document"
            assert document["pid"] == document["state"]["pid"] == container.pid
            assert document["ociVersion"] == document["state"]["ociVersion"]
            assert document["state"]["status"] == "creating"
            for name in ("id", "bundle", "annotations"):
                assert document["state"][name] == container.state()[name]
            container.delete("--force")

    def test_the_agent_decides_of_init(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        self.filtered(bundle, scratch / "agent")
        with Agent(scratch / "agent", -errno.EXDEV) as agent:
            said = runtime.sh(bundle, "mkdir /tmp/x 2>&1 || ls /tmp")
            assert "Invalid cross-device link" in said
            assert len(agent.calls) == 1

    def test_the_agent_lets_calls_go_on(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        self.filtered(bundle, scratch / "agent")
        with Agent(scratch / "agent", 0, CONTINUE):
            assert runtime.sh(bundle, "mkdir /tmp/x; ls /tmp") == "x"

    def test_exec_has_a_filter_of_its_own(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        self.filtered(bundle, scratch / "agent", listenerMetadata="words")
        bundle.sleeps()
        with Agent(scratch / "agent", -errno.EXDEV) as agent:
            container = runtime.start(bundle)
            result = container.exec("/bin/sh", "-c", "echo $$; mkdir /tmp/x")
            assert result.status == 1 and "Invalid cross-device link" in result.stderr
            _, message = agent.messages
            assert message.document["metadata"] == "words"
            for name in ("ociVersion", "id", "status", "pid", "bundle"):
                assert message.document["state"][name] == container.state()[name]
            assert message.document["pid"] != container.pid
            container.delete("--force")

    @pytest.mark.parametrize("call", ["execve", "close", "setresuid", "prctl", "read", "openat", "recvfrom"])
    def test_a_call_that_init_makes_later(self, runtime: Runtime, bundle: Bundle, scratch: Path, call: str) -> None:
        """The agent has the descriptor before the first of them is made."""
        self.filtered(bundle, scratch / "agent", call)
        with Agent(scratch / "agent", 0, CONTINUE):
            assert runtime.sh(bundle, "echo done") == "done"

    @pytest.mark.beyond_runc("refuses write in other words")
    @pytest.mark.parametrize("call", ["write", "sendmsg"])
    def test_a_call_that_hands_the_descriptor_over(
        self, runtime: Runtime, bundle: Bundle, scratch: Path, call: str
    ) -> None:
        self.filtered(bundle, scratch / "agent", call)
        assert f"SCMP_ACT_NOTIFY cannot be used for {call}: the runtime itself makes that call" in runtime.refuses(
            bundle
        )

    @pytest.mark.beyond_runc("says it in other words")
    @pytest.mark.parametrize("what", ["nobody", "a file"])
    def test_an_agent_that_is_not_there(self, runtime: Runtime, bundle: Bundle, scratch: Path, what: str) -> None:
        path = scratch / "agent"
        if what == "a file":
            path.touch()
        self.filtered(bundle, path)
        said = runtime.refuses(bundle)
        assert f"send the seccomp notify descriptor to listenerPath '{path}'" in said
