"""A container traces the process that enters it, and would have it fork before it is in the container's cgroup.

Such a child stays where it was born: with the caller's devices, memory and number of processes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.filtered import refusing
from helpers.hostile import libc, spied_on
from helpers.runtime import TIME_LIMIT, Container, Runtime
from helpers.stepped import Stepped

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000
OOM_SCORE = "345"


def seize_each_that_comes(times: int) -> list[tuple[str, str, str]]:
    """Of each process of the runtime, as soon as it can be traced: its name, its cgroups and its oom_score_adj."""
    Path("/tmp/watching").touch()
    caught: list[tuple[str, str, str]] = []
    pid = int(Path("/proc/loadavg").read_text().split()[-1]) + 1
    deadline = time.monotonic() + TIME_LIMIT
    while len(caught) < times and time.monotonic() < deadline and not os.path.exists("/tmp/done"):
        if libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0:
            folder = Path(f"/proc/{pid}")
            with contextlib.suppress(OSError):
                # in this order: the later the look, the more has been done
                seen = (folder / "cgroup").read_text(), (folder / "oom_score_adj").read_text().strip()
                if (name := (folder / "comm").read_text().strip()).startswith("pyoci"):  # not yet the program
                    caught.append((name, *seen))
            leave(pid)
            pid += 1
        elif int(Path("/proc/loadavg").read_text().split()[-1]) > pid:
            pid += 1
    Path("/tmp/enough").touch()
    return caught


def leave(pid: int) -> None:
    """A tracer that keeps a process would keep its end, too."""
    libc.ptrace(PTRACE_INTERRUPT, pid, None, None)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, WALL)
    libc.ptrace(PTRACE_DETACH, pid, None, None)


def traced(container: Container, times: int, meanwhile: Callable[[], object]) -> list[tuple[str, str, str]]:
    tmp = container.bundle.rootfs / "tmp"
    found = spied_on(container.pid, tmp, lambda: seize_each_that_comes(times), meanwhile, TIME_LIMIT)
    return [tuple(one) for one in found]


@pytest.mark.parametrize("kind", ["plain", "few processes", "CPUs"])
def test_exec(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    if not runtime.is_pyoci:
        pytest.skip("beyond runc")
    bundle.process["args"] = ["/bin/sleep", "1000"]
    bundle.process["oomScoreAdj"] = int(OOM_SCORE)
    if kind == "few processes":
        bundle.linux.setdefault("resources", {})["pids"] = {"limit": 1}
    if kind == "CPUs":
        bundle.process["execCPUAffinity"] = {"initial": "0", "final": "0"}
    container = runtime.start(bundle)
    own = Path(f"/proc/{container.pid}/cgroup").read_text()

    caught = traced(container, 6, lambda: runtime.call("exec", container.id, "/bin/true"))

    assert caught, "the tracer was never in time"
    assert {(groups, score) for _, groups, score in caught} == {(own, OOM_SCORE)}


@pytest.mark.parametrize("limit", [1, 60])
def test_exec_where_nobody_may_trace(runtime: Runtime, bundle: Bundle, limit: int) -> None:
    """Not the container either: it is in the same filter."""
    bundle.process["args"] = ["/bin/sleep", "1000"]  # it makes no other process
    bundle.linux.setdefault("resources", {})["pids"] = {"limit": limit}
    container = runtime.start(bundle)
    result = runtime.call("exec", container.id, "/bin/sh", "-c", "exit 3", preexec=refusing("ptrace", errno.EPERM))
    assert (result.status, result.stderr) == (3, "")


def test_a_held_process_dies_with_the_runtime(runtime: Runtime, bundle: Bundle) -> None:
    """Nobody else would have it go on."""
    if not runtime.is_pyoci:
        pytest.skip("beyond runc")
    bundle.process["args"] = ["/bin/sleep", "1000"]
    container = runtime.start(bundle)
    held = 0
    with Stepped(runtime.arguments("exec", container.id, "/bin/sleep", "3")) as stepped:
        for _ in stepped:
            held = next((pid for pid in others_in(container) if state_of(pid) == "t"), 0)
            if held:
                os.kill(stepped.pid, signal.SIGKILL)
    assert held, "the process was never held"
    _, status = os.waitpid(held, 0)  # an orphan comes to us
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def others_in(container: Container) -> list[int]:
    """The processes in the container's PID namespace besides its first one."""
    own = os.readlink(f"/proc/{container.pid}/ns/pid")
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        with contextlib.suppress(OSError):
            if pid != container.pid and os.readlink(f"/proc/{pid}/ns/pid") == own:
                found.append(pid)
    return found


def state_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
