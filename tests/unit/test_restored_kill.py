"""The processes of a restore that is refused: those that are the container's are killed, and no others."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, cast

import pytest

from pyoci.errors import CriuError
from pyoci.host import process_tree, restored
from pyoci.kernel import proc_stat
from pyoci.plan import restore as plans

SLEEPS = [sys.executable, "-IS", "-c", "import time; time.sleep(1000)"]
FORKS = "import os, time; pid = os.fork(); print(pid, flush=True) if pid else None; time.sleep(1000)"


class Group:
    """A cgroup that lists other processes each time."""

    def __init__(self, *listed: list[int]) -> None:
        self.listed = list(listed)

    def pids(self) -> list[int]:
        return self.listed.pop(0) if len(self.listed) > 1 else self.listed[0]


@pytest.fixture
def init() -> Iterator[subprocess.Popen[bytes]]:
    """A process with one child, whose number is the first line of its output."""
    process = subprocess.Popen([sys.executable, "-IS", "-c", FORKS], stdout=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEPS)
    yield process
    process.kill()
    process.wait()


def child_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def start_time(pid: int) -> int:
    start: int = proc_stat.start_time(pid)
    return start


def is_alive(pid: int) -> bool:
    facts = proc_stat.stat(pid)
    return facts is not None and facts[0] not in proc_stat.DEAD


def kill(init: int, start: int, group: Group) -> None:
    restored.kill(init, start, cast(Any, group), 1 << 30)


def test_all_that_descend_from_init_and_all_of_the_group(
    init: subprocess.Popen[bytes], other: subprocess.Popen[bytes]
) -> None:
    child = child_of(init)
    kill(init.pid, start_time(init.pid), Group([init.pid, other.pid]))
    assert init.wait(10) == -signal.SIGKILL
    assert other.wait(10) == -signal.SIGKILL
    assert not process_tree.descendants(init.pid)
    for _ in range(1000):
        if not is_alive(child):
            break
        signal.sigtimedwait([], 0.01)
    assert not is_alive(child)


def test_a_number_that_is_another_processs_by_then(
    init: subprocess.Popen[bytes], other: subprocess.Popen[bytes]
) -> None:
    """It is in the group no more, and init has another start time."""
    child = child_of(init)
    kill(init.pid, start_time(init.pid) + 1, Group([other.pid], []))
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(0.2)
    assert init.poll() is None
    assert is_alive(child)
    subprocess.run(["kill", "-KILL", str(child)], check=True)


def test_descendants(init: subprocess.Popen[bytes]) -> None:
    child = child_of(init)
    assert process_tree.descendants(init.pid) == [child]
    assert process_tree.descendants(child) == []
    subprocess.run(["kill", "-KILL", str(child)], check=True)


def test_a_process_outside_of_the_cgroup_is_refused_unless_it_has_ended(
    init: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zombie, which a checkpoint may have, is in no group's list."""
    monkeypatch.setattr(restored, "_check", lambda *_: None)
    monkeypatch.setattr(plans, "confinement", lambda *_: plans.Confinement(namespaces=[]))
    child = child_of(init)
    with pytest.raises(CriuError, match=rf"^restored process {child} is not in the container's cgroup$"):
        restored.check_place(cast(Any, None), init.pid, [init.pid], 0)
    subprocess.run(["kill", "-KILL", str(child)], check=True)
    for _ in range(1000):
        if not is_alive(child):
            break
        signal.sigtimedwait([], 0.01)
    assert proc_stat.stat(child) is not None
    restored.check_place(cast(Any, None), init.pid, [init.pid], 0)
