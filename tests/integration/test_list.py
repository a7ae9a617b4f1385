"""`list` and `events --stats` for people and for programs, and `list` of many containers."""

from __future__ import annotations

import json
import os
import pty
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime
from helpers.terminal import read_all

MANY = 500


@pytest.fixture(autouse=True)
def _of_pyoci(runtime: Runtime) -> None:
    if not runtime.is_pyoci:
        pytest.skip("asks for pyoci's own output")


def on_terminal(runtime: Runtime, *words: str) -> str:
    master, slave = pty.openpty()
    process = runtime.popen(*words, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = read_all(master)
    assert process.wait(TIME_LIMIT) == 0
    os.close(master)
    return seen.decode()


def test_list_tells_a_person_how_old_containers_are(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    row = on_terminal(runtime, "list").splitlines()[1].split()
    assert row[0] == container.id
    assert row[4].endswith("s")
    assert row[5] == "ago"
    assert runtime.expect("list").stdout.splitlines()[1].split()[4] == container.state()["created"]


def test_statistics_for_a_person_and_for_a_program(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    bundle.linux["resources"] = {"pids": {"limit": 9}}
    container = runtime.start(bundle)
    words = on_terminal(runtime, "events", "--stats", container.id)
    assert "processes" in words
    assert "of 9" in words
    assert json.loads(on_terminal(runtime, "events", "--stats", "--format", "json", container.id))["type"] == "stats"
    assert json.loads(runtime.expect("events", "--stats", container.id).stdout)["id"] == container.id
    assert "of 9" in runtime.expect("events", "--stats", "-f", "table", container.id).stdout


def cpu_time(command: list[str]) -> tuple[float, str]:
    """The least of a few runs, in seconds, and what it printed."""
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times), done.stdout


@pytest.mark.alone
def test_list_of_many_is_quick(runtime: Runtime, bundle: Bundle) -> None:
    """500 take less than 100 ms where Python takes 8 ms to start: both are slower on a machine that is busy."""
    bundle.sleeps()
    container = runtime.start(bundle)
    state = json.loads((runtime.root / container.id / "state.json").read_text())
    copies = [runtime.root / f"copy-{number}" for number in range(MANY)]
    for copy in copies:
        copy.mkdir()
        (copy / "state.json").write_text(json.dumps({**state, "id": copy.name}))
    try:
        taken, text = cpu_time(runtime.arguments("list"))
    finally:
        for copy in copies:
            Path(copy / "state.json").unlink()
            copy.rmdir()
    assert text.count(" running ") == MANY + 1
    pace, _ = cpu_time([sys.executable, "-I", "-S", "-c", "pass"])
    assert taken < 12 * pace
