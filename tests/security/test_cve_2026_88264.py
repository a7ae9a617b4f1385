"""CVE-2026-88264 (crun): /dev/console of the image is a link, and a file appears on the host where it leads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import Outside
from helpers.runtime import Runtime
from helpers.terminal import ConsoleSocket


@pytest.fixture
def console(scratch: Path) -> Iterator[ConsoleSocket]:
    socket = ConsoleSocket(scratch / "console.sock")
    yield socket
    socket.close()


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("target", ["absolute", "climbing", "folder"])
def test_no_file_on_the_host(
    runtime: Runtime, bundle: Bundle, console: ConsoleSocket, outside: Outside, target: str, readonly: bool
) -> None:
    bundle.config["mounts"] = [
        entry for entry in bundle.config["mounts"] if not entry["destination"].startswith("/dev")
    ]
    bundle.mount("/dev/pts", "devpts", ["newinstance", "ptmxmode=0666"])
    bundle.config["root"]["readonly"] = readonly
    bundle.process["terminal"] = True
    place = outside.path / ("folder" if target == "folder" else "made-by-root")
    climbing = "../" * 20 + str(place).lstrip("/")
    (bundle.rootfs / "dev/console").symlink_to(climbing if target == "climbing" else place)
    name = runtime.add(bundle)
    result = runtime.call("create", "--bundle", str(bundle.path), "--console-socket", str(console.path), name)
    if result.status == 0:
        _, descriptors = console.receive()
        for fd in descriptors:
            os.close(fd)
    outside.check()


@pytest.mark.beyond_runc("runc follows the link")
@pytest.mark.parametrize(
    "target", ["/proc/sys/kernel/domainname", "/proc/1/net/dev", "/sys/kernel/notes", "/etc/passwd"]
)
def test_no_file_that_a_link_names(runtime: Runtime, bundle: Bundle, console: ConsoleSocket, target: str) -> None:
    """Not in the container either: a terminal over a file of /proc would be taken for the kernel's."""
    bundle.config["mounts"] = [
        entry for entry in bundle.config["mounts"] if not entry["destination"].startswith("/dev")
    ]
    bundle.mount("/dev/pts", "devpts", ["newinstance", "ptmxmode=0666"])
    bundle.process["terminal"] = True
    (bundle.rootfs / "dev/console").symlink_to(target)
    words = runtime.refuses(bundle, "--console-socket", str(console.path))
    assert "the rootfs has a link there" in words
    (bundle.rootfs / "dev/console").unlink()
    (bundle.rootfs / "dev/console").mkdir()
    assert "the rootfs has a folder there" in runtime.refuses(bundle, "--console-socket", str(console.path))
