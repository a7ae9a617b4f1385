"""Limits at work: the experiments of an introduction to cgroups."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.open_files import open_files
from helpers.runtime import TIME_LIMIT, Container, Runtime, until

NewBundle = Callable[[], Bundle]
MIB = 1 << 20
SPIN = "while :; do :; done"


def stats(container: Container) -> dict[str, Any]:
    return json.loads(container.runtime.expect("events", "--stats", container.id).stdout)["data"]  # type: ignore[no-any-return]


def cpu_time(container: Container) -> int:
    """Nanoseconds."""
    return int(stats(container)["cpu"]["usage"]["total"])


def test_a_busy_loop_is_held_to_its_quota(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.place("cpu", "/")
    bundle.linux["resources"]["cpu"] = {"quota": 20000, "period": 100000}
    bundle.sh(SPIN)
    container = runtime.start(bundle)
    until(lambda: cpu_time(container) > 0, "it spins")

    def share() -> float:
        began, before = time.monotonic_ns(), cpu_time(container)
        time.sleep(3)
        return (cpu_time(container) - before) / (time.monotonic_ns() - began)

    until(lambda: 0.14 < share() < 0.26, "it has a fifth of a processor, as far as others leave it so much")
    assert share() < 0.26
    assert stats(container)["cpu"]["throttling"]["throttledPeriods"] > 5


def test_cpu_time_is_accounted(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.place("cpu" if cgroup.is_v2() else "cpuacct", "/")
    bundle.sh("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 100")
    container = runtime.start(bundle)
    until(lambda: cpu_time(container) > 20_000_000, "20 ms are counted")
    usage = stats(container)["cpu"]["usage"]
    assert usage["user"] + usage["kernel"] > 0


def test_two_weights_share_a_cpu_one_to_three(runtime: Runtime, new_bundle: NewBundle) -> None:
    containers = []
    for shares in (1024, 3072):
        bundle = new_bundle()
        cgroup_files.place("cpuset", "/")
        bundle.linux["resources"]["cpu"] = {"shares": shares, "cpus": "0"}
        bundle.sh(SPIN)
        containers.append(runtime.start(bundle))
    until(lambda: all(cpu_time(container) > 0 for container in containers), "both spin")
    before = [cpu_time(container) for container in containers]

    def since() -> list[int]:
        return [cpu_time(container) - start for container, start in zip(containers, before, strict=True)]

    # Other tests have their share of that processor: what counts is what these two get of it.
    until(lambda: sum(since()) > 3_000_000_000, "three seconds of the processor")
    small, large = since()
    assert 2.0 < large / small < 4.2


def follow(
    runtime: Runtime, container: Container, scratch: Path, *options: str
) -> tuple[subprocess.Popen[bytes], Path]:
    said = scratch / "events"
    with said.open("wb") as stdout:
        process = runtime.popen("events", *options, container.id, stdout=stdout, stdin=subprocess.DEVNULL)
    return process, said


def lines(said: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.read_text().splitlines()]


def test_a_memory_hog_is_killed_at_its_limit_and_reported(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    cgroup_files.place("memory", "/")
    bundle.linux["resources"]["memory"] = {"limit": 16 * MIB, "swap": 16 * MIB}
    # The hog is a child, so that the container lives to tell.
    bundle.sh("cat >/dev/null </dev/null; sleep 0.7; (x=x; while :; do x=$x$x; done) || echo killed; sleep 100")
    container = runtime.start(bundle)
    process, said = follow(runtime, container, scratch, "--interval", "100s")
    try:
        until(lambda: "killed" in container.stdout, "the hog is killed")
        until(lambda: {"type": "oom", "id": container.id} in lines(said), "the event is reported")
        assert stats(container)["memory"]["usage"].get("max", 0) <= 16 * MIB
        container.kill("KILL")
        container.wait()
        assert process.wait(TIME_LIMIT) == 0  # it ends with the container
    finally:
        process.kill()
        process.wait()


def test_events_repeat_the_statistics(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    process, said = follow(runtime, container, scratch, "--interval", "50ms")
    try:
        until(lambda: len(lines(said)) >= 3, "three events")
        first = lines(said)[0]
        assert (first["type"], first["id"]) == ("stats", container.id)
        assert {"cpu", "memory", "pids", "blkio", "hugetlb", "intel_rdt"} <= first["data"].keys()
    finally:
        container.kill("KILL")
        container.wait()
        assert process.wait(TIME_LIMIT) == 0


def test_an_interval_may_be_longer_than_poll_can_wait(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    process, said = follow(runtime, container, scratch, "--interval", "1000h")
    try:
        until(
            lambda: process.poll() is not None or "anon_inode:[pidfd]" in open_files(process.pid).values(), "it follows"
        )
        time.sleep(0.3)
    finally:
        container.kill("KILL")
        container.wait()
    assert (process.wait(TIME_LIMIT), lines(said)) == (0, [])


def test_events_that_a_pause_has_missed_are_left_out(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    process, said = follow(runtime, container, scratch, "--interval", "50ms")
    try:
        until(lambda: lines(said), "an event")
        process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        before = len(lines(said))
        began = time.monotonic()
        process.send_signal(signal.SIGCONT)
        until(lambda: len(lines(said)) > before + 1, "it goes on")
        more = len(lines(said)) - before
        assert more <= (time.monotonic() - began) / 0.05 + 3
    finally:
        container.kill("KILL")
        container.wait()
        assert process.wait(TIME_LIMIT) == 0


def test_events_of_a_container_that_has_stopped_are_refused(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle)
    container.kill("KILL")
    container.wait()
    assert "container not running" in runtime.fails("events", "--stats", container.id)
    assert "container not running" in runtime.fails("events", container.id)


def test_statistics_have_the_shape_that_runc_gives_them(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"].update(memory={"limit": 64 * MIB}, pids={"limit": 30})
    bundle.sleeps()
    data = stats(runtime.start(bundle))
    assert data["pids"]["limit"] == 30
    assert data["pids"]["current"] >= 1
    assert data["memory"]["usage"]["limit"] == 64 * MIB
    assert data["memory"]["usage"]["usage"] > 0
    assert data["memory"]["raw"]
    assert data["cpu"]["usage"]["total"] > 0
    assert data["cpuset"]["cpus"][0] == 0


def test_a_fork_bomb_is_stopped_by_pids(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"]["pids"] = {"limit": 12}
    bundle.process["args"] = ["/bin/sh", "-c", "for i in $(seq 50); do sleep 5 & done; wait"]
    container = runtime.start(bundle)
    group = cgroup_files.place("pids", bundle.cgroups_path)

    def refused() -> bool:
        (text,) = [line for line in (group / "pids.events").read_text().splitlines() if line.startswith("max ")]
        return int(text.split()[1]) > 0

    until(refused, "a fork is refused")
    assert int((group / "pids.current").read_text()) <= 12
    container.delete("--force")
    container.wait()


def test_no_fork_at_all_with_a_limit_of_zero_or_one(runtime: Runtime, bundle: Bundle) -> None:
    cgroup_files.place("pids", "/")
    bundle.linux["resources"]["pids"] = {"limit": 1}
    bundle.process["args"] = ["/bin/sh", "-c", "/bin/true & echo no"]
    assert "no" not in runtime.run(bundle).stdout


def test_nested_groups_inherit(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"]["pids"] = {"limit": 5}
    bundle.sleeps()
    container = runtime.start(bundle)
    group = cgroup_files.place("pids", bundle.cgroups_path) / "inner"
    group.mkdir()
    try:
        if (group / "pids.max").exists():
            assert (group / "pids.max").read_text().strip() == "max"
        (group / "cgroup.procs").write_text(str(container.pid))
        # init and its sleep count; the parent's limit holds for the nested group.
        out = runtime.call("exec", container.id, "/bin/sh", "-c", "for i in 1 2 3 4 5 6 7; do sleep 9 & done; echo all")
        assert "all" not in out.stdout
    finally:
        container.delete("--force")
        container.wait()
    assert not group.exists()


@pytest.mark.parametrize("cpus", ["0"])
def test_cpus(runtime: Runtime, bundle: Bundle, cpus: str) -> None:
    cgroup_files.place("cpuset", "/")
    bundle.linux["resources"]["cpu"] = {"cpus": cpus}
    assert runtime.sh(bundle, "nproc") == "1"
