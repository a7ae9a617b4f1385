"""The host steps into the namespaces of a container to clone there, and comes back as it was."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.forked import forked
from helpers.hostile import check, libc
from helpers.runtime import Container, Runtime

from pyoci.errors import SyscallError
from pyoci.host import namespace_visit
from pyoci.kernel import namespace, signals, uapi

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18
KINDS = ["pid", "network", "ipc", "uts", "mount"]


@pytest.fixture
def container(runtime: Runtime, bundle: Bundle) -> Iterator[Container]:
    bundle.sleeps()
    yield runtime.start(bundle)


def opened(container: Container, kinds: list[str]) -> list[tuple[str, int]]:
    files = [(kind, f"/proc/{container.pid}/ns/{uapi.NAMESPACE_FILES[kind]}") for kind in kinds]
    return [(kind, namespace.open_path(path, kind)) for kind, path in files]


def where() -> dict[str, Any]:
    """All that a visit could change about a process."""
    links = {name: os.readlink(f"/proc/self/ns/{name}") for name in os.listdir("/proc/self/ns")}
    return {**links, "root": os.stat("/").st_ino, "cwd": os.getcwd(), "fds": sorted(os.listdir("/proc/self/fd"))}


def clone_there(namespaces: list[tuple[str, int]]) -> tuple[bool, dict[str, Any]]:
    """Whether we are where we were, and where the child was."""
    reader, writer = os.pipe()
    before = where()
    visit = namespace_visit.prepare([kind for kind, _ in namespaces])
    assert visit is not None
    pid, pidfd = visit.clone(namespaces, 0, -1)
    if pid == 0:
        os.write(writer, f"{os.getpid()} {os.uname().nodename} {os.listdir('/')}".encode())
        os._exit(0)
    visit.close()
    os.waitpid(pid, 0)
    os.close(pidfd)
    return where() == before, {"said": os.read(reader, 4096).decode()}


def test_the_child_stays_and_the_host_returns(container: Container) -> None:
    namespaces = opened(container, KINDS)
    returned, child = forked(lambda: clone_there(namespaces))
    assert returned
    assert not child["said"].startswith(f"{os.getpid()} ")
    assert "'bin'" in child["said"] and "'usr'" not in child["said"]


def test_out_of_a_changed_root(container: Container, scratch: Path) -> None:
    """setns(2) alone would leave the host in the root of its mount namespace."""
    root = scratch / "root"
    for name in ("proc", "somewhere"):
        (root / name).mkdir(parents=True)
    namespaces = opened(container, KINDS)

    def go() -> Any:
        check(libc.unshare(CLONE_NEWNS), "unshare")
        check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount")
        check(libc.mount(b"/proc", os.fsencode(root / "proc"), None, MS_BIND, None), "mount")
        os.chroot(root)
        os.chdir("/somewhere")
        return clone_there(namespaces)[0], os.listdir("/"), os.getcwd()

    returned, found, cwd = forked(go)
    assert returned
    assert (sorted(found), cwd) == (["proc", "somewhere"], "/somewhere")


def test_children_that_follow_are_the_hosts(container: Container) -> None:
    """createRuntime hooks run in the runtime's PID namespace (config.md, "Hooks")."""
    namespaces = opened(container, ["pid"])

    def go() -> Any:
        clone_there(namespaces)
        return forked(lambda: os.readlink("/proc/self/ns/pid")), os.readlink("/proc/self/ns/pid")

    child, own = forked(go)
    assert child == own


def test_what_cannot_be_joined_leaves_the_host_at_home(container: Container) -> None:
    namespaces = [*opened(container, ["network", "mount"]), ("uts", os.open("/dev/null", os.O_RDONLY))]

    def go() -> Any:
        before = where()
        visit = namespace_visit.prepare([kind for kind, _ in namespaces])
        assert visit is not None
        try:
            visit.clone(namespaces, 0, -1)
        except SyscallError as error:
            visit.close()
            return str(error), where() == before
        return "", False

    words, returned = forked(go)
    assert words.startswith("join uts namespace")
    assert returned


@pytest.mark.parametrize("moment", ["there", "back"])
def test_an_interrupt_comes_after_the_return(
    container: Container, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """What the host does on its way out, it must not do to the container's files."""
    namespaces = opened(container, KINDS)
    join = namespace_visit._join

    def go() -> Any:
        before = where()
        visit = namespace_visit.prepare(KINDS)
        assert visit is not None

        def interrupted(these: list[tuple[str, int]]) -> None:
            if (these is namespaces) == (moment == "there"):
                signal.raise_signal(signal.SIGINT)
            join(these)

        monkeypatch.setattr(namespace_visit, "_join", interrupted)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with signals.Delayed():
                pid, _ = visit.clone(namespaces, 0, -1)
                if pid == 0:
                    os._exit(0)
        except KeyboardInterrupt:
            visit.close()
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)
            left = where()
            return {**left, "fds": 0} == {**before, "fds": 0}, signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
        return "no interrupt", False

    assert forked(go) == (True, True)


@pytest.mark.parametrize("own", [False, True])
def test_nobody_goes_who_could_not_return(own: bool) -> None:
    """In a user namespace of its own the runtime may leave the mount namespace that it came with, and not come back."""

    def go() -> bool:
        check(libc.unshare(CLONE_NEWUSER), "unshare")
        if own:
            check(libc.unshare(CLONE_NEWNS), "unshare")
        return namespace_visit.prepare(["mount"]) is not None

    assert forked(go) == own
