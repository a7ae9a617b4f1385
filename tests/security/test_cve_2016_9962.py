"""CVE-2016-9962: a process of the container reaches into the runtime's process that has just entered it.

It is traced, or its descriptors lead to the host. So is a process that joins the namespaces of another container.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from helpers.bundle import Bundle
from helpers.hostile import USUAL, inside, libc
from helpers.runtime import Container, Runtime

PTRACE_SEIZE = 0x4206
WALL = 0x40000000


class Seen(NamedTuple):
    """What the spy found: how often it met a process of the runtime, and what it got of one."""

    met: int
    got: list[str]


def spy() -> Seen:
    """Tries on every new process, until /tmp/done is there."""
    Path("/tmp/watching").touch()
    met, got = 0, []
    known = {name for name in os.listdir("/proc") if name.isdigit()}
    while not os.path.exists("/tmp/done"):
        _reap()
        for name in os.listdir("/proc"):
            if not name.isdigit() or name in known:
                continue
            if not _is_the_runtimes(name):
                continue
            found = _pry(name)
            if _is_the_runtimes(name):  # it still was the runtime's when it was tried
                met += 1
                got += found
                Path("/tmp/met").touch()
    return Seen(met, got)


def _is_the_runtimes(name: str) -> bool:
    """One that has its memory yet: of a process that ends everybody may open `mem` and `environ`, and read nothing."""
    try:
        if Path(f"/proc/{name}/statm").read_text().startswith("0 "):
            return False
        return Path(f"/proc/{name}/comm").read_text().startswith(("pyoci", "runc"))
    except OSError:
        return False


def _reap() -> None:
    """A program that was traced, because it had just been executed, must not wait for us when it ends."""
    try:
        os.waitpid(-1, os.WNOHANG | WALL)
    except ChildProcessError:
        pass


def _pry(name: str) -> list[str]:
    found = []
    for what in ("root/", "cwd/", "fd/3/", "fd/4/", "fd/5/", "fd/6/"):
        try:
            os.listdir(f"/proc/{name}/{what}")
            found.append(what)
        except OSError:
            pass
    for what in ("exe", "environ", "mem"):
        try:
            os.close(os.open(f"/proc/{name}/{what}", os.O_RDONLY))
            found.append(what)
        except OSError:
            pass
    if libc.ptrace(PTRACE_SEIZE, int(name), 0, 0) == 0:
        found.append("ptrace")
    return found


def spied(container: Container, capabilities: set[str] | None, meanwhile: Callable[[], None]) -> Seen:
    """What a spy in `container` sees while `meanwhile` runs."""
    tmp = container.bundle.rootfs / "tmp"
    tmp.chmod(0o777)
    pid = os.fork()
    if pid == 0:
        while not (tmp / "watching").exists():
            time.sleep(0.002)
        try:
            for _ in range(40):  # on a busy machine the spy is seldom in time
                meanwhile()
                if (tmp / "met").exists():
                    break
        finally:
            (tmp / "done").touch()
            os._exit(0)
    found = inside(container.pid, spy, capabilities)
    os.waitpid(pid, 0)
    return Seen(*found)


def test_exec_is_spied_on_by_root(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)

    def execs() -> None:
        for _ in range(15):
            runtime.call("exec", container.id, "true")

    seen = spied(container, USUAL, execs)
    assert seen.met, "the spy was never in time"
    assert not seen.got


def test_exec_is_spied_on_by_all_capabilities_of_a_user_namespace(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    bundle.sleeps()
    container = runtime.start(bundle)

    def execs() -> None:
        for _ in range(15):
            runtime.call("exec", container.id, "true")

    seen = spied(container, None, execs)
    assert seen.met, "the spy was never in time"
    assert not seen.got


def test_create_in_anothers_namespaces_is_spied_on(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
    first, second = new_bundle(), new_bundle()
    first.sleeps()
    container = runtime.start(first)
    for kind in ("pid", "ipc", "network"):
        second.namespace(kind, f"/proc/{container.pid}/ns/{kind.replace('network', 'net')}")

    def creates() -> None:
        for _ in range(8):
            runtime.run(second)

    seen = spied(container, USUAL, creates)
    assert seen.met, "the spy was never in time"
    assert not seen.got


def test_a_waiting_container_has_no_folder_of_the_host(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    """Of the runtime's own descriptors none is a file of the host, but for the procfs that it writes to."""
    leaked = [os.open(scratch, os.O_RDONLY), os.open("/", os.O_RDONLY | os.O_DIRECTORY)]
    container = runtime.create(bundle, pass_fds=leaked)
    for fd in leaked:
        os.close(fd)
    folder = Path(f"/proc/{container.pid}/fd")
    devices = {entry.name: os.stat(entry).st_dev for entry in folder.iterdir() if int(entry.name) > 2}
    inner = {os.stat(container.path(point)).st_dev for point in container.mounts()}
    sockets = {name for name in devices if os.readlink(folder / name).startswith("socket:")}
    procfs = {name for name in devices if devices[name] == os.stat("/proc").st_dev}
    others = {
        name: os.readlink(folder / name) for name in devices.keys() - sockets - procfs if devices[name] not in inner
    }
    assert not others
