"""--trace FILE: phases of both sides as Chrome trace JSON."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("runc has no --trace")


def phases(file: Path) -> dict[str, list[dict[str, Any]]]:
    """The events of a trace, by the process that they are of."""
    events = json.loads(file.read_text())["traceEvents"]
    sides = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides.values()}
    for event in events:
        if event["ph"] == "X":
            found[sides[event["tid"]]].append(event)
    return found


def test_run_shows_both_sides(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    assert runtime.run(bundle, options=["--trace", str(scratch / "t")]).status == 0
    found = phases(scratch / "t")
    assert list(found) == ["host", "init"]
    assert {"plan", "clone", "make the cgroup"} <= {event["name"] for event in found["host"]}
    assert {"mounts", "pivot_root", "wait for start"} <= {event["name"] for event in found["init"]}


def test_phases_follow_each_other(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    runtime.run(bundle, options=["--trace", str(scratch / "t")])
    for events in phases(scratch / "t").values():
        assert all(event["dur"] >= 0 for event in events)
        for event, following in itertools.pairwise(events):
            assert event["ts"] + event["dur"] == pytest.approx(following["ts"], abs=0.01)


def test_bootstrap_has_its_own_line(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.namespace("time")
    runtime.create(bundle, options=["--trace", str(scratch / "t")])
    assert list(phases(scratch / "t")) == ["host", "bootstrap", "init"]


@pytest.mark.parametrize("user_namespace", [False, True])
def test_exec_has_one_process(runtime: Runtime, bundle: Bundle, scratch: Path, user_namespace: bool) -> None:
    if user_namespace:
        bundle.user_namespace()
    container = runtime.create(bundle)
    runtime.expect("exec", container.id, "/bin/true", options=["--trace", str(scratch / "t")])
    assert list(phases(scratch / "t")) == ["host", "process"]


def test_time_namespace_does_not_shift_it(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 86400}, "boottime": {"secs": 86400}}
    assert runtime.run(bundle, options=["--trace", str(scratch / "t")]).status == 0
    found = phases(scratch / "t")
    end = found["host"][-1]["ts"] + found["host"][-1]["dur"]
    assert all(0 <= event["ts"] <= end for event in found["init"])


@pytest.mark.parametrize("command", ["state", "delete"])
def test_short_commands(runtime: Runtime, bundle: Bundle, scratch: Path, command: str) -> None:
    container = runtime.start(bundle)
    container.wait()
    runtime.expect(command, container.id, options=["--trace", str(scratch / "t")])
    assert [event["name"] for event in phases(scratch / "t")["host"]][:2] == [
        "start of the interpreter",
        "import the command",
    ]


def test_a_failed_command_is_traced(runtime: Runtime, scratch: Path) -> None:
    runtime.fails("state", "nobody", options=["--trace", str(scratch / "t")])
    assert phases(scratch / "t")["host"]


def test_file_that_cannot_be_written(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    name = runtime.add(bundle)
    words = runtime.fails("create", "--bundle", str(bundle.path), name, options=["--trace", str(scratch / "no" / "t")])
    assert "trace file" in words and "no such file or directory" in words
    assert not (runtime.root / name).exists()


def test_nothing_of_it_reaches_the_program(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("for fd in /proc/$$/fd/*; do readlink $fd || true; done; cat /proc/$$/maps")
    plain = runtime.run(bundle)
    traced = runtime.run(bundle, options=["--trace", str(scratch / "trace-file")])
    assert traced.status == 0 and "trace-file" not in traced.stdout and "zero" not in traced.stdout
    assert len(traced.stdout.splitlines()) == len(plain.stdout.splitlines())
