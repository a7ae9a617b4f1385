"""`top` of containers that run: into a pipe, as JSON, and on a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime, until
from helpers.terminal import read_all


@pytest.fixture(autouse=True)
def _of_pyoci(runtime: Runtime) -> None:
    if not runtime.is_pyoci:
        pytest.skip("the command is pyoci's own")


def test_busy_container(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh("while :; do :; done")
    bundle.linux["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 9}}
    bundle.linux["resources"]["cpu"] = {"quota": 20_000, "period": 100_000}
    container = runtime.start(bundle)

    def shown() -> dict[str, Any]:
        (row,) = json.loads(runtime.expect("top", "--json", "--once", "--interval", "2s").stdout)["containers"]
        assert row["cpu"] < 0.3
        return dict(row)

    # As soon as others leave it so much of the processor that its quota ends it.
    row = until(lambda: (row := shown())["throttled"] > 0 and row["cpu"] > 0.1 and row, "it is throttled")
    assert row["id"] == container.id
    assert row["status"] == "running"
    assert row["memory_limit"] == 64 << 20
    assert (row["pids"], row["pids_limit"]) == (1, 9)
    assert row["uptime"] > 1


def test_pipe_gets_one_plain_table(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    head, row = runtime.expect("top", "--interval", "100ms").stdout.splitlines()
    assert head.split()[:3] == ["ID", "STATUS", "UP"]
    assert row.split()[:2] == [container.id, "running"]


def test_named_container_only(runtime: Runtime, bundle: Bundle) -> None:
    first = runtime.create(bundle)
    bundle.linux["cgroupsPath"] += "-2"
    second = runtime.create(bundle)
    text = runtime.expect("top", "--interval", "10ms", second.id).stdout
    assert second.id in text
    assert f"{first.id} " not in text


def test_stopped_container_is_shown(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    container.exits()
    assert container.id in runtime.expect("top", "--interval", "10ms").stdout


def test_json_streams_until_it_is_interrupted(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    runtime.start(bundle)
    top = runtime.popen("top", "--json", "--interval", "50ms", stdout=subprocess.PIPE)
    assert top.stdout is not None
    lines = [json.loads(top.stdout.readline()) for _ in range(3)]
    top.send_signal(signal.SIGINT)
    assert top.wait(TIME_LIMIT) == 0
    top.stdout.close()
    assert lines[0]["time"] < lines[1]["time"] < lines[2]["time"]


def test_terminal(runtime: Runtime, bundle: Bundle) -> None:
    pytest.importorskip("rich")
    bundle.sleeps()
    container = runtime.start(bundle)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 140, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    top = runtime.popen("top", "--interval", "100ms", stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    seen = read_all(master, expect=container.id.encode())
    assert container.id.encode() in seen
    assert b"\x1b[?1049h" in seen  # the other screen: what was on the terminal comes back
    top.send_signal(signal.SIGINT)
    assert b"\x1b[?1049l" in read_all(master)
    assert top.wait(TIME_LIMIT) == 0
    os.close(master)
