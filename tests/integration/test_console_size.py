"""config.md, Process: consoleSize."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime
from helpers.terminal import ConsoleSocket, read_all


@pytest.fixture
def console(scratch: Path) -> Iterator[ConsoleSocket]:
    socket = ConsoleSocket(scratch / "console.sock")
    yield socket
    socket.close()


def test_the_terminal_has_that_size(runtime: Runtime, bundle: Bundle, console: ConsoleSocket) -> None:
    bundle.process["terminal"] = True
    bundle.process["consoleSize"] = {"height": 25, "width": 81}
    bundle.sh("stty size")
    container = runtime.create(bundle, "--console-socket", str(console.path))
    _, (master, *_) = console.receive()
    assert os.get_terminal_size(master) == (81, 25)
    container.start()
    assert read_all(master).split() == [b"25", b"81"]
    os.close(master)
    container.wait()


def test_a_further_process_has_it_too(runtime: Runtime, bundle: Bundle, console: ConsoleSocket, scratch: Path) -> None:
    """As with runc: what `exec --tty` is not told it has from the container's own process."""
    bundle.sleeps()
    bundle.process["consoleSize"] = {"height": 25, "width": 81}
    container = runtime.start(bundle)
    options = ["--tty", "--detach", "--console-socket", str(console.path), "--pid-file", str(scratch / "pid")]
    runtime.expect("exec", *options, container.id, "cat")
    _, (master, *_) = console.receive()
    assert os.get_terminal_size(master) == (81, 25)
    os.close(master)
    os.waitpid(int((scratch / "pid").read_text()), 0)  # its terminal hangs up


def test_without_a_terminal_it_is_ignored(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["consoleSize"] = {"height": 25, "width": 80}
    assert runtime.sh(bundle, "echo runs") == "runs"
