"""Every descriptor is closed at execve, whatever the caller left open and whatever it asks to preserve."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.open_files import open_files
from helpers.runtime import TIME_LIMIT, Runtime

STANDARD = ["0", "1", "2", "3"]  # 3 is the folder that ls reads
LIST = ["ls", "/proc/self/fd"]


@pytest.fixture
def leaked(scratch: Path) -> Iterator[list[int]]:
    """Descriptors of the caller that are not close-on-exec, low and high."""
    folder = os.open(scratch, os.O_RDONLY)
    root = os.open("/", os.O_PATH)
    pipe = os.pipe()
    one, other = socket.socketpair()
    high = [os.dup2(folder, number) for number in (100, 255, 900)]
    fds = [folder, root, *pipe, one.fileno(), other.fileno(), *high]
    yield fds
    one.detach()
    other.detach()
    for fd in fds:
        os.close(fd)


def test_run(runtime: Runtime, bundle: Bundle, leaked: list[int]) -> None:
    bundle.process["args"] = LIST
    assert runtime.run(bundle, pass_fds=leaked).stdout.split() == STANDARD


def test_create_and_start(runtime: Runtime, bundle: Bundle, leaked: list[int]) -> None:
    bundle.process["args"] = LIST
    container = runtime.create(bundle, pass_fds=leaked)
    runtime.expect("start", container.id, pass_fds=leaked)
    container.wait()
    assert container.stdout.split() == STANDARD


def test_exec(runtime: Runtime, bundle: Bundle, leaked: list[int]) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    assert runtime.expect("exec", container.id, *LIST, pass_fds=leaked).stdout.split() == STANDARD


def test_hooks(runtime: Runtime, bundle: Bundle, leaked: list[int], scratch: Path) -> None:
    # prestart and createRuntime run on the host, createContainer and startContainer in the container
    for kind in ("createRuntime", "createContainer", "poststart", "poststop"):
        bundle.config.setdefault("hooks", {})[kind] = [
            {"path": "/bin/busybox", "args": ["sh", "-c", f"ls /proc/self/fd/ > {scratch}/{kind}"]}
        ]
    bundle.config["hooks"]["startContainer"] = [
        {"path": "/bin/sh", "args": ["sh", "-c", "ls /proc/self/fd/ > /tmp/seen"]}
    ]
    container = runtime.create(bundle, pass_fds=leaked)
    runtime.expect("start", container.id, pass_fds=leaked)
    container.wait()
    runtime.expect("delete", container.id, pass_fds=leaked)
    for file in [
        bundle.rootfs / "tmp/seen",
        *(scratch / kind for kind in bundle.config["hooks"] if kind != "startContainer"),
    ]:
        assert file.read_text().split() == STANDARD, file.name


def prepared(runtime: Runtime, new_bundle: Callable[[], Bundle], unseen: bool) -> Bundle:
    """A bundle whose init is, where it is `unseen`, prepared outside of the PID namespace of another container."""
    bundle = new_bundle()
    if unseen:
        pod = new_bundle()
        pod.sleeps()
        bundle.namespace("pid", f"/proc/{runtime.start(pod).pid}/ns/pid")
    return bundle


@pytest.mark.beyond_runc("has a FIFO to wait at")
@pytest.mark.parametrize("hooked", [False, True], ids=["in C", "in Python"])
@pytest.mark.parametrize("unseen", [False, True], ids=["own PID namespace", "joined PID namespace"])
def test_while_it_waits_for_start(
    runtime: Runtime, new_bundle: Callable[[], Bundle], leaked: list[int], hooked: bool, unseen: bool
) -> None:
    """Whoever may look into init by then (CAP_SYS_PTRACE in a shared PID namespace) finds no file of the host's."""
    bundle = prepared(runtime, new_bundle, unseen)
    if hooked:
        bundle.hook("startContainer", "true")
    container = runtime.create(bundle, pass_fds=leaked)
    held = open_files(container.pid)
    beyond = {target for number, target in held.items() if number > 2}
    assert len(beyond) == 1, held
    assert beyond.pop().startswith("socket:"), held


@pytest.mark.parametrize("unseen", [False, True], ids=["own PID namespace", "joined PID namespace"])
def test_while_it_is_prepared(
    runtime: Runtime, new_bundle: Callable[[], Bundle], leaked: list[int], scratch: Path, unseen: bool
) -> None:
    """From its first step: neither the caller's files, nor the runtime's own (its state, its log, the cgroup)."""
    bundle = prepared(runtime, new_bundle, unseen)
    seen = scratch / "seen"
    bundle.hook(
        "createRuntime",
        f"""pid=$(sed 's/.*"pid": *\\([0-9]*\\).*/\\1/'); for fd in /proc/$pid/fd/*; do readlink $fd; done > {seen}""",
    )
    name = runtime.add(bundle)
    log = scratch / "log"
    runtime.expect("--log", str(log), "create", "--bundle", str(bundle.path), name, pass_fds=leaked)
    held = seen.read_text().splitlines()
    assert held[0] == "/dev/null"
    assert not {str(scratch), "/", str(log)}.intersection(held[3:]), held
    assert not any(target.startswith((str(runtime.root), "/sys/fs/cgroup", "pipe:")) for target in held[3:]), held


@pytest.mark.parametrize("count", [1, 3, 8, 20])
def test_more_are_preserved_than_there_are(runtime: Runtime, bundle: Bundle, count: int) -> None:
    """The numbers that the caller did not fill must not be the runtime's own."""
    bundle.sh("for fd in /proc/self/fd/*; do echo $fd $(readlink $fd); done")
    result = runtime.run(bundle, "--preserve-fds", str(count))
    assert result.status != 0
    for line in result.stdout.splitlines():
        _, _, target = line.partition(" ")
        assert not target.startswith(("socket:", "/proc /", "anon_inode:")) and target not in ("/", "/proc"), line


def test_only_what_is_asked_for_is_preserved(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    (scratch / "file").write_text("preserved")
    file, folder = os.open(scratch / "file", os.O_RDONLY), os.open(scratch, os.O_RDONLY)

    def arrange() -> None:
        high, other = os.dup2(file, 50), os.dup2(folder, 51)
        os.dup2(high, 3, inheritable=True)
        os.dup2(other, 4, inheritable=True)

    bundle.sh("cat <&3; ls /proc/self/fd")
    name = runtime.add(bundle)
    command = runtime.arguments("run", "--bundle", str(bundle.path), "--preserve-fds", "1", name)
    done = subprocess.run(
        command, close_fds=False, preexec_fn=arrange, stdout=subprocess.PIPE, text=True, timeout=TIME_LIMIT
    )
    os.close(file)
    os.close(folder)
    assert done.stdout.split() == ["preserved0", "1", "2", "3", "4"]  # 4 is the folder that ls reads


def test_the_working_directory_is_inside(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle, cwd=Path("/"))
    assert os.stat(f"/proc/{container.pid}/cwd").st_ino == bundle.rootfs.stat().st_ino
    assert os.stat(f"/proc/{container.pid}/root").st_ino == bundle.rootfs.stat().st_ino


def test_no_mapping_and_no_key_of_the_runtime_is_left(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    files = {
        line.split(maxsplit=5)[5] for line in container.proc("maps").splitlines() if len(line.split(maxsplit=5)) > 5
    }
    assert {file for file in files if not file.startswith("[")} == {"/bin/busybox"}
