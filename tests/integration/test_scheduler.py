"""config.md, Linux Process: scheduler; sched(7)."""

from __future__ import annotations

import os

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("the scheduler is of spec 1.1, runc has it since 1.2")

SCRIPT = "cat /proc/self/stat"


def numbers(runtime: Runtime, bundle: Bundle) -> tuple[int, int, int]:
    """nice, rt_priority and policy, proc(5)."""
    fields = runtime.sh(bundle, SCRIPT).rpartition(")")[2].split()
    return int(fields[16]), int(fields[37]), int(fields[38])


@pytest.mark.parametrize("policy, number", [("SCHED_OTHER", 0), ("SCHED_BATCH", 3), ("SCHED_IDLE", 5)])
def test_policy(runtime: Runtime, bundle: Bundle, policy: str, number: int) -> None:
    bundle.process["scheduler"] = {"policy": policy}
    nice = os.nice(0) if policy == "SCHED_IDLE" else 0  # it keeps the caller's
    assert numbers(runtime, bundle) == (nice, 0, number)


def test_nice(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["scheduler"] = {"policy": "SCHED_BATCH", "nice": 7}
    assert numbers(runtime, bundle) == (7, 0, 3)


@pytest.mark.parametrize("policy, number", [("SCHED_FIFO", 1), ("SCHED_RR", 2)])
def test_real_time(runtime: Runtime, bundle: Bundle, policy: str, number: int) -> None:
    bundle.process["scheduler"] = {"policy": policy, "priority": 3}
    # A v1 cpu group has no real-time budget unless it is given one (CONFIG_RT_GROUP_SCHED).
    bundle.linux["resources"]["cpu"] = {}
    bundle.sh(SCRIPT)
    result = runtime.run(bundle)
    if "EPERM" in result.stderr or "permitted" in result.stderr:
        pytest.skip("real-time scheduling is not allowed here")
    fields = result.stdout.rpartition(")")[2].split()
    assert (int(fields[37]), int(fields[38])) == (3, number)


def test_reset_on_fork(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["scheduler"] = {"policy": "SCHED_BATCH", "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    bundle.sleeps()
    assert os.sched_getscheduler(runtime.start(bundle).pid) == os.SCHED_BATCH | os.SCHED_RESET_ON_FORK


@pytest.mark.parametrize(
    "value",
    [
        {"policy": "SCHED_WHIM"},
        {},
        {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_WHIM"]},
        {"policy": "SCHED_OTHER", "nice": 20},
        {"policy": "SCHED_OTHER", "priority": 5},
        {"policy": "SCHED_FIFO", "priority": 100},
        {"policy": "SCHED_DEADLINE"},
    ],
)
def test_what_cannot_be_is_refused(runtime: Runtime, bundle: Bundle, value: dict[str, object]) -> None:
    bundle.process["scheduler"] = value
    assert "sched" in runtime.refuses(bundle).lower()
