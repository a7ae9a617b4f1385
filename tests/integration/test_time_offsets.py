"""config-linux.md, Offset for Time Namespace; time_namespaces(7)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("the time namespace is of spec 1.1, runc has it since 1.2")

DAY = 86400


def test_a_new_time_namespace(runtime: Runtime, bundle: Bundle) -> None:
    bundle.namespace("time")
    container = runtime.start(bundle_that_sleeps(bundle))
    assert container.namespace("time") != os.readlink("/proc/self/ns/time")


def bundle_that_sleeps(bundle: Bundle) -> Bundle:
    bundle.sleeps()
    return bundle


def test_boottime_is_moved(runtime: Runtime, bundle: Bundle) -> None:
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 10 * DAY, "nanosecs": 5}}
    uptime = float(runtime.sh(bundle, "cat /proc/uptime").split()[0])
    assert 0 <= uptime - 10 * DAY - time.clock_gettime(time.CLOCK_BOOTTIME) + 30 < 60


def test_both_clocks_are_moved(runtime: Runtime, bundle: Bundle) -> None:
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {
        "monotonic": {"secs": 172800, "nanosecs": 7},
        "boottime": {"secs": -1},
    }
    offsets = runtime.sh(bundle, "cat /proc/self/timens_offsets").splitlines()
    assert [line.split() for line in offsets] == [["monotonic", "172800", "7"], ["boottime", "-1", "0"]]


def test_a_path_is_joined(runtime: Runtime, bundle: Bundle, namespace_holder: Callable[..., int]) -> None:
    path = f"/proc/{namespace_holder('time')}/ns/time"
    bundle.namespace("time", path)
    container = runtime.start(bundle_that_sleeps(bundle))
    assert container.namespace("time") == os.readlink(path) != os.readlink("/proc/self/ns/time")


def test_offsets_without_a_new_namespace_are_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 1}}
    assert "timeOffsets" in runtime.refuses(bundle)


def test_an_unknown_clock_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"cuckoo": {"secs": 1}}
    assert "cuckoo" in runtime.refuses(bundle)
