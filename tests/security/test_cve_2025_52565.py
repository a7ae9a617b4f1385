"""CVE-2025-52565: the terminal is bound to /dev/console by paths of the image, which can name something else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import Outside, swapping
from helpers.runtime import Runtime
from helpers.terminal import ConsoleSocket

TRIES = 8
TTY_PTS_MAJOR = range(136, 144)


@pytest.fixture
def console(scratch: Path) -> Iterator[ConsoleSocket]:
    socket = ConsoleSocket(scratch / "console.sock")
    yield socket
    socket.close()


@pytest.fixture(autouse=True)
def image_has_its_own_dev(bundle: Bundle) -> None:
    kept = [entry for entry in bundle.config["mounts"] if not entry["destination"].startswith("/dev")]
    bundle.config["mounts"] = kept
    bundle.process["terminal"] = True
    (bundle.rootfs / "dev/pts").mkdir()


def with_devpts(bundle: Bundle) -> None:
    bundle.mount("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"])


def try_it(runtime: Runtime, bundle: Bundle, console: ConsoleSocket) -> bool:
    """Whether a container came into being; if so, its terminal is one, on both ends."""
    name = runtime.add(bundle)
    result = runtime.call("create", "--bundle", str(bundle.path), "--console-socket", str(console.path), name)
    assert "Traceback" not in result.stderr
    if result.status != 0:
        return False
    _, (master, *_) = console.receive()
    pid = runtime.state(name)["pid"]
    facts = os.stat(f"/proc/{pid}/fd/0")
    assert stat.S_ISCHR(facts.st_mode)
    assert os.major(facts.st_rdev) in TTY_PTS_MAJOR
    assert os.isatty(master)
    os.close(master)
    runtime.expect("delete", "--force", name)
    return True


@pytest.mark.parametrize("kind", ["file", "link", "fifo", "null", "folder", "nothing"])
def test_ptmx_of_the_image(
    runtime: Runtime, bundle: Bundle, console: ConsoleSocket, outside: Outside, kind: str
) -> None:
    """Without a devpts, what the image has there is opened by nobody."""
    ptmx = bundle.rootfs / "dev/pts/ptmx"
    if kind == "file":
        ptmx.write_text("")
    elif kind == "link":
        bundle.bind(outside.path, "/host")
        ptmx.symlink_to("/host/secret")
    elif kind == "fifo":
        os.mkfifo(ptmx)
    elif kind == "null":
        os.mknod(ptmx, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    elif kind == "folder":
        ptmx.mkdir()
    words = ["create", "--bundle", str(bundle.path), "--console-socket", str(console.path), runtime.add(bundle)]
    said = runtime.fails(*words)
    # the folder's file system is looked at first: that an open has failed later is no proof
    assert "/dev/pts is not a devpts" in said or not runtime.is_pyoci
    outside.check()


@pytest.mark.parametrize("kind", ["the host's ptmx", "a terminal", "a file"])
def test_ptmx_is_a_mount(runtime: Runtime, bundle: Bundle, console: ConsoleSocket, scratch: Path, kind: str) -> None:
    """A volume over the file of the devpts: the terminal would be one of the host's."""
    with_devpts(bundle)
    source = Path("/dev/pts/ptmx") if kind == "the host's ptmx" else scratch / "file"
    source.touch()
    if kind == "a terminal":
        source = Path("/dev/tty")
    bundle.bind(source, "/dev/pts/ptmx")
    said = runtime.fails(
        "create", "--bundle", str(bundle.path), "--console-socket", str(console.path), runtime.add(bundle)
    )
    # that what was opened is no terminal's master would be no proof
    assert "invalid cross-device link (EXDEV)" in said or not runtime.is_pyoci


@pytest.mark.parametrize("target", ["outside", "climbing", "/etc/victim", "/proc/version", "/new"])
def test_console_is_a_link(
    runtime: Runtime, bundle: Bundle, console: ConsoleSocket, outside: Outside, target: str
) -> None:
    with_devpts(bundle)
    (bundle.rootfs / "etc/victim").write_text("victim")
    places = {"outside": str(outside.path / "new"), "climbing": "../" * 20 + str(outside.path).lstrip("/") + "/new"}
    (bundle.rootfs / "dev/console").symlink_to(places.get(target, target))
    bundle.linux["maskedPaths"] = ["/proc/version"]
    try_it(runtime, bundle, console)
    outside.check()
    assert (bundle.rootfs / "etc/victim").read_text() == "victim"


@pytest.mark.parametrize("name", ["console", "pts"])
def test_swapped_meanwhile(
    runtime: Runtime, bundle: Bundle, console: ConsoleSocket, outside: Outside, name: str
) -> None:
    with_devpts(bundle)
    dev = bundle.rootfs / "dev"
    if name == "console":
        (dev / "console").write_text("")
    (dev / "link").symlink_to(outside.path if name == "pts" else outside.file)
    with swapping(dev / name, dev / "link"):
        for _ in range(TRIES):
            try_it(runtime, bundle, console)
    outside.check()
