"""A process of the container looks into the one that enters it: with CAP_SYS_PTRACE, and nothing between the two.

Not dumpable is no fence for it. So the entering process is stopped, in the moment in which it becomes visible, and what
it holds is looked at: its root, its descriptors, its capabilities, and whatever is in its memory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers.bundle import Bundle
from helpers.filtered import before_linux_6_18
from helpers.hostile import TRACER, check, inside, libc, spied_on
from helpers.runtime import TIME_LIMIT, Container, Runtime

SECRET = "b0a7-the-callers-own-secret"  # looked for, not kept
SYS_ADMIN = 21
OPENER = "pyoci:procfs"


class Caught(NamedTuple):
    """One process of the runtime, as the spy found it."""

    name: str
    root: list[str]
    cwd: str
    descriptors: dict[str, str]
    shown: bytes  # cmdline and environ
    memory: bytes  # the lines of it that have the secret
    permitted: int
    filters: int


def stop_the_next(times: int, name: str) -> list[Caught]:
    """Stops processes in the moment in which they become visible, until so many were the runtime's `name`."""
    Path("/tmp/watching").touch()
    caught: list[Caught] = []
    deadline = time.monotonic() + TIME_LIMIT
    known = {os.getpid()}
    while (
        sum(one.name.startswith(name) for one in caught) < times
        and time.monotonic() < deadline
        and not os.path.exists("/tmp/done")
    ):
        last = _last_number()
        for pid in {last, last + 1, last + 2} - known:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                known.add(pid)
                seen = _look_at(pid)
                if seen is not None:
                    caught.append(seen)
                os.kill(pid, signal.SIGCONT)
    Path("/tmp/enough").touch()
    return caught


def _last_number() -> int:
    """Of the newest process in this PID namespace: proc_loadavg(5)."""
    return int(Path("/proc/loadavg").read_text().split()[-1])


def _look_at(pid: int) -> Caught | None:
    folder = Path(f"/proc/{pid}")
    try:
        name = (folder / "comm").read_text().strip()
        if not name.startswith(("pyoci", "runc")):
            return None
        links = {entry.name: os.readlink(entry) for entry in (folder / "fd").iterdir()}
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        shown = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        found = Caught(
            name,
            sorted(os.listdir(folder / "root")),
            os.readlink(folder / "cwd"),
            links,
            shown,
            _memory_with_the_secret(folder),
            int(status["CapPrm"], 16),
            int(status.get("Seccomp_filters", "0")),  # Linux 5.9
        )
        # it was the runtime's all the time
        return found if (folder / "comm").read_text().strip() == name else None
    except OSError:
        return None


def _memory_with_the_secret(folder: Path) -> bytes:
    found = b""
    with open(folder / "mem", "rb", 0) as memory:
        for line in (folder / "maps").read_text().splitlines():
            (
                span,
                rights,
                *_,
            ) = line.split()
            begin, end = (int(word, 16) for word in span.split("-"))
            if not rights.startswith("rw"):
                continue
            try:
                content = os.pread(memory.fileno(), end - begin, begin)
            except OSError:
                continue
            at = content.find(SECRET.encode())
            if at >= 0:
                found += line.encode() + b": " + content[max(0, at - 40) : at + 40] + b"\n"
    return found


def watched(container: Container, times: int, meanwhile: Callable[[], None], name: str = "") -> list[Caught]:
    tmp = container.bundle.rootfs / "tmp"

    def look() -> list[tuple[object, ...]]:
        return [tuple(one) for one in stop_the_next(times, name)]

    return [Caught(*one) for one in spied_on(container.pid, tmp, look, meanwhile, TIME_LIMIT)]


def assert_holds_nothing(caught: list[Caught], rootfs: list[str]) -> None:
    assert caught, "the spy was never in time"
    for one in caught:
        assert one.root == rootfs, "its root is the host's"
        assert one.cwd == "/"
        own = [to for number, to in one.descriptors.items() if int(number) > 2]
        assert all(to.startswith("socket:") for to in own) and len(own) <= 1, one.descriptors
        assert SECRET.encode() not in one.shown
        assert not one.memory
        assert one.shown.startswith(one.name.encode())


def callers() -> dict[str, Any]:
    return {"env": {"PATH": os.environ["PATH"], "TOKEN": SECRET}}


@pytest.fixture
def container(runtime: Runtime, bundle: Bundle) -> Container:
    if not runtime.is_pyoci:
        pytest.skip("beyond runc")
    bundle.sleeps()
    bundle.process["noNewPrivileges"] = False
    return runtime.start(bundle)


@pytest.mark.parametrize("filtered", [False, True])
def test_exec(runtime: Runtime, bundle: Bundle, filtered: bool) -> None:
    if not runtime.is_pyoci:
        pytest.skip("beyond runc")
    bundle.sleeps()
    bundle.process["noNewPrivileges"] = False
    if filtered:
        bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
    container = runtime.start(bundle)

    def execs() -> None:
        runtime.call("exec", "--env", "A=1", "--user", "0:0", container.id, "/bin/true", **callers())

    caught = watched(container, 6, execs)
    assert_holds_nothing(caught, sorted(os.listdir(container.bundle.rootfs)))
    own = sum(1 << number for number in (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31))
    # a filter without no_new_privs is loaded with CAP_SYS_ADMIN, and it is loaded last
    assert {one.permitted for one in caught} == {own | (1 << SYS_ADMIN if filtered else 0)}


def test_a_variable_of_the_command_line(runtime: Runtime, container: Container) -> None:
    """/proc/PID/cmdline is for everybody to read."""

    def execs() -> None:
        runtime.call("exec", "--env", f"TOKEN={SECRET}", container.id, "/bin/true")

    caught = watched(container, 6, execs)
    assert caught, "the spy was never in time"
    assert not [one.shown for one in caught if SECRET.encode() in one.shown]


def stop_for_ever() -> int:
    """Stops every process of the runtime as often as it can."""
    Path("/tmp/watching").touch()
    stopped = 0
    own = {os.getpid()}
    while not os.path.exists("/tmp/done"):
        last = _last_number()
        for pid in {last, last + 1, last + 2} - own:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGSTOP)
                while Path(f"/proc/{pid}/comm").read_text().startswith("pyoci"):
                    os.kill(pid, signal.SIGSTOP)
                    stopped += 1
                os.kill(pid, signal.SIGCONT)
    return stopped


def test_a_container_that_stops_it_does_not_hold_exec(runtime: Runtime, container: Container, tmp_path: Path) -> None:
    tmp = container.bundle.rootfs / "tmp"
    tmp.chmod(0o777)
    answer = tmp_path / "answer"
    pid = os.fork()
    if pid == 0:
        try:
            while not (tmp / "watching").exists():
                time.sleep(0.002)
            result = runtime.call("exec", container.id, "/bin/true")
            answer.write_text(f"{result.status} {result.stderr}")
        finally:
            (tmp / "done").touch()
            os._exit(0)
    stopped = inside(container.pid, stop_for_ever, TRACER)
    os.waitpid(pid, 0)
    status, words = answer.read_text().split(" ", 1)
    if stopped:
        assert status == "0" or "the container keeps stopping the process that enters it" in words


def assert_opens_only(opener: Caught) -> None:
    """init/procfs_opener.py has left it nothing else."""
    assert opener.root == []
    assert opener.cwd == "/"
    own = opener.descriptors.values()
    assert all(to.startswith("socket:") or to == "anon_inode:[fscontext]" for to in own), opener.descriptors
    assert opener.permitted == 1 << SYS_ADMIN
    assert SECRET.encode() not in opener.shown
    assert not opener.memory, opener.memory


@pytest.mark.parametrize("kind", ["plain", "filter", "start hooks", "no procfs", "before Linux 6.18"])
def test_create_in_the_pid_namespace_of_a_tracer(
    runtime: Runtime, container: Container, new_bundle: Callable[[], Bundle], kind: str
) -> None:
    """A pod with one PID namespace: a second container comes into it."""
    second = new_bundle()
    second.process["noNewPrivileges"] = kind != "filter"
    second.namespace("pid", f"/proc/{container.pid}/ns/pid")
    (second.rootfs / "of-the-second").touch()
    (second.rootfs / "proc/nothing").touch()
    if kind == "filter":
        second.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
    if kind == "start hooks":
        second.config["hooks"] = {"startContainer": [{"path": "/bin/true"}]}
    if kind == "no procfs":
        second.config["mounts"] = [entry for entry in second.config["mounts"] if entry["destination"] != "/proc"]

    def creates() -> None:
        for _ in range(16):
            runtime.run(second, **callers(), preexec=before_linux_6_18() if kind == "before Linux 6.18" else None)

    older = kind == "before Linux 6.18"
    caught = watched(container, 1 if older else 6, creates, OPENER if older else "")
    assert caught, "the spy was never in time"
    if kind == "before Linux 6.18":
        assert [one for one in caught if one.name == OPENER], "the spy was never in time for the opener"
    for one in caught:
        if one.name == OPENER:
            assert_opens_only(one)
            assert one.filters == (2 if kind == "before Linux 6.18" else 1)  # that of `before_linux_6_18` is around it
            continue
        assert "of-the-second" in one.root, "its root is the host's"
        # what a hook is run with
        more = ("anon_inode:[pidfd]", "pipe:", "/memfd:hook-stdin") if kind == "start hooks" else ()
        own = [to for number, to in one.descriptors.items() if int(number) > 2]
        assert all(to.startswith(("socket:", *more)) for to in own), one.descriptors
        assert SECRET.encode() not in one.shown
        assert not one.memory or kind == "start hooks", one.memory
        assert not one.permitted >> SYS_ADMIN & 1 or kind == "filter"


SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438


def keep_its_channel() -> int:
    """Takes copies of the descriptors of every process of the runtime, and keeps them."""
    Path("/tmp/watching").touch()
    kept = 0
    known = {os.getpid()}
    deadline = time.monotonic() + 10 * TIME_LIMIT
    while not os.path.exists("/tmp/done") and time.monotonic() < deadline:
        last = _last_number()
        for pid in {last, last + 1, last + 2} - known:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGSTOP)
                known.add(pid)
                if Path(f"/proc/{pid}/comm").read_text().startswith("pyoci"):
                    pidfd = check(libc.syscall(SYS_PIDFD_OPEN, pid, 0), "pidfd_open")
                    kept += sum(libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0) >= 0 for fd in range(3, 12))
                    if kept:
                        Path("/tmp/enough").touch()
                os.kill(pid, signal.SIGCONT)
    return kept


def test_a_container_that_keeps_its_channel_does_not_hold_exec(
    runtime: Runtime, container: Container, tmp_path: Path
) -> None:
    tmp = container.bundle.rootfs / "tmp"
    tmp.chmod(0o777)
    answer = tmp_path / "answer"
    pid = os.fork()
    if pid == 0:
        try:
            while not (tmp / "watching").exists():
                time.sleep(0.002)
            words = ("exec", container.id, "/bin/sh", "-c", "exit 3")
            statuses = set()
            for count in range(400):  # on a busy machine the spy is seldom in time
                if count > 3 and (tmp / "enough").exists():
                    break
                statuses.add(runtime.call(*words).status)
            answer.write_text(str(statuses))
        finally:
            (tmp / "done").touch()
            os._exit(0)
    kept = inside(container.pid, keep_its_channel, TRACER)
    os.waitpid(pid, 0)
    assert kept, "the spy was never in time"
    assert answer.read_text() == "{3}"
