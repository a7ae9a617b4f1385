"""--pidfd-socket: a descriptor of the container's process for whoever waits for it."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime
from helpers.terminal import ConsoleSocket

pytestmark = pytest.mark.beyond_runc("runc has the option since 1.2")


@pytest.mark.parametrize("command", ["create", "run"])
def test_a_pidfd_is_sent(runtime: Runtime, bundle: Bundle, scratch: Path, command: str) -> None:
    socket = ConsoleSocket(scratch / "pidfd.sock")
    bundle.sleeps()
    name = runtime.add(bundle)
    detach = ["--detach"] if command == "run" else []
    runtime.expect(command, *detach, "--bundle", str(bundle.path), "--pidfd-socket", str(socket.path), name)
    word, (pidfd,) = socket.receive()
    socket.close()
    assert word == b"standard"
    fields = dict(line.split(":\t") for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines())
    assert int(fields["Pid"]) == runtime.state(name)["pid"]
    runtime.expect("delete", "--force", name)
    assert select.select([pidfd], [], [], 5)[0]
    os.close(pidfd)


def test_exec_sends_one_too(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    socket = ConsoleSocket(scratch / "pidfd.sock")
    bundle.sleeps()
    container = runtime.start(bundle)
    runtime.expect("exec", "--pidfd-socket", str(socket.path), container.id, "true")
    word, (pidfd,) = socket.receive()
    socket.close()
    assert word == b"setns"
    assert select.select([pidfd], [], [], 5)[0]
    os.close(pidfd)
