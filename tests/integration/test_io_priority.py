"""config.md, Linux Process: ioPriority; ioprio_set(2)."""

from __future__ import annotations

import ctypes
import platform

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime, until

pytestmark = pytest.mark.beyond_runc("ioPriority is of spec 1.1, runc has it since 1.1.8")

IOPRIO_GET = {"x86_64": 252, "aarch64": 31}
IOPRIO_WHO_PROCESS = 1
CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}


def priority(pid: int) -> tuple[int, int]:
    value = ctypes.CDLL(None).syscall(IOPRIO_GET[platform.machine()], IOPRIO_WHO_PROCESS, pid)
    return value >> 13, value & 0x1FFF


@pytest.mark.parametrize("name, level", [("IOPRIO_CLASS_RT", 0), ("IOPRIO_CLASS_BE", 7), ("IOPRIO_CLASS_IDLE", 4)])
def test_class_and_priority(runtime: Runtime, bundle: Bundle, name: str, level: int) -> None:
    bundle.process["ioPriority"] = {"class": name, "priority": level}
    bundle.sleeps()
    assert priority(runtime.start(bundle).pid) == (CLASSES[name], level)


def test_children_inherit_it(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 0}
    bundle.no_namespace("pid")
    bundle.sh("sleep 60 & echo $!; wait")
    container = runtime.start(bundle)
    words = until(lambda: container.stdout.split()[:1])
    assert priority(int(words[0]))[0] == CLASSES["IOPRIO_CLASS_IDLE"]


@pytest.mark.parametrize(
    "value",
    [
        {"class": "IOPRIO_CLASS_FAST", "priority": 0},
        {"class": "IOPRIO_CLASS_BE", "priority": 8},
        {"class": "IOPRIO_CLASS_BE", "priority": -1},
        {"priority": 1},
    ],
)
def test_what_the_spec_does_not_know_is_refused(runtime: Runtime, bundle: Bundle, value: dict[str, object]) -> None:
    bundle.process["ioPriority"] = value
    assert "ioPriority" in runtime.refuses(bundle)
