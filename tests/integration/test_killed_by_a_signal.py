"""A process of ours that a signal kills: whoever waits for it names the signal, since nobody else can."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime, until
from helpers.seccomp_agent import Agent
from helpers.sockets import full_listener

pytestmark = pytest.mark.beyond_runc("asks for words of pyoci")

SIGNALS = ["KILL", "SYS", "XCPU", "SEGV", "USR1"]
OF_THE_STATE = r"""pid=$(sed 's/.*"pid": *\([0-9]*\).*/\1/')"""
ENDED = 'until grep -q "^State:.Z" /proc/$pid/status; do sleep 0.01; done'


@pytest.mark.parametrize("name", SIGNALS)
def test_init_while_the_host_waits_for_it(runtime: Runtime, bundle: Bundle, name: str) -> None:
    bundle.no_namespace("pid")
    bundle.hook("createContainer", f"kill -{name} $PPID; sleep 0.2")
    said = runtime.refuses(bundle)
    assert f"container init was killed by SIG{name}" in said
    assert "(while waiting for SOURCE or READY)" in said


@pytest.mark.parametrize("birth", ["directly", "by another process"])
@pytest.mark.parametrize("command", ["create", "run"])
def test_init_while_it_waits_for_the_host(runtime: Runtime, bundle: Bundle, command: str, birth: str) -> None:
    if birth != "directly":
        bundle.namespace("time")
    bundle.hook("createRuntime", f"{OF_THE_STATE}; kill -KILL $pid; {ENDED}")
    name = runtime.add(bundle)
    said = runtime.fails(command, "--bundle", str(bundle.path), name)
    assert "container init was killed by SIGKILL (before GO was sent to it)" in said
    assert "does not exist" in runtime.fails("state", name)


def test_a_filter_of_its_own_names_the_call(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    """With SCMP_ACT_NOTIFY it is loaded before the last calls of init, which it may forbid."""
    with Agent(scratch / "agent.sock", 0):
        bundle.linux["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "listenerPath": str(scratch / "agent.sock"),
            "syscalls": [
                {"names": ["swapon"], "action": "SCMP_ACT_NOTIFY"},
                {"names": ["prctl"], "action": "SCMP_ACT_KILL_PROCESS"},
            ],
        }
        said = runtime.refuses(bundle)
    assert "container init was killed by SIGSYS, for a system call" in said
    assert "that a seccomp filter forbids, /linux/seccomp or one around pyoci" in said


@pytest.mark.parametrize("name", ["KILL", "SEGV"])
def test_a_process_that_enters(runtime: Runtime, bundle: Bundle, scratch: Path, name: str) -> None:
    bundle.no_namespace("pid")  # from its namespace it is a process like others, which a SIGSEGV ends
    bundle.sleeps()
    container = runtime.start(bundle)
    path = str(scratch / "full.sock")
    with full_listener(path) as listener, contextlib.ExitStack() as opened:
        words = ("exec", "--detach", "--pidfd-socket", path, container.id, "true")
        null = subprocess.DEVNULL
        process = runtime.popen(*words, stdin=null, stdout=null, stderr=subprocess.PIPE)
        waits = lambda: sleeps_in(process.pid, "unix_wait_for_peer") and children_of(process.pid)  # noqa: E731
        (entering,) = until(waits, "it is about to send a pidfd")
        os.kill(entering, signal.Signals[f"SIG{name}"])
        until(lambda: " Z " in Path(f"/proc/{entering}/stat").read_text(), "it is dead")
        for _ in range(2):
            opened.enter_context(listener.accept()[0])
        said = process.communicate(timeout=TIME_LIMIT)[1].decode()
    assert f"container init was killed by SIG{name} (before GO was sent to it)" in said
    assert process.returncode == 255


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sleeps_in(pid: int, function: str) -> bool:
    return Path(f"/proc/{pid}/wchan").read_text() == function
