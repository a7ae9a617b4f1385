"""A program of `exec` and all that descends from it are killed, and nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from pyoci.host import process_tree
from pyoci.kernel import proc_stat


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[bytes]]:
    """A shell whose child has a child."""
    shell = subprocess.Popen(["sh", "-c", "sh -c 'sleep 100 & echo; wait' & wait"], stdout=subprocess.PIPE)
    assert shell.stdout is not None
    shell.stdout.readline()
    yield shell
    shell.kill()
    shell.communicate()


def descendants(pid: int) -> list[int]:
    children = process_tree._children(pid)
    return [*children, *(below for child in children for below in descendants(child))]


def is_there(pid: int) -> bool:
    """A zombie may wait for a parent that waits for nobody."""
    facts = proc_stat.stat(pid)
    return facts is not None and facts[0] not in proc_stat.DEAD


def test_all_that_descends_from_it_is_killed(tree: subprocess.Popen[bytes]) -> None:
    below = descendants(tree.pid)
    assert len(below) == 2
    before = len(os.listdir("/proc/self/fd"))
    process_tree.kill(tree.pid)
    assert tree.wait() == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while any(map(is_there, below)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [pid for pid in below if is_there(pid)]
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_number_that_has_become_another_processs_is_left_alone(
    tree: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGCONT of another process of the container lets a parent reap its child."""
    other = subprocess.Popen(["sleep", "100"])
    children, asked = process_tree._children, [0]

    def children_of(pid: int) -> list[int]:
        asked[0] += 1
        was_a_child = asked[0] == 1
        return [*children(pid), *([other.pid] if was_a_child else [])]

    monkeypatch.setattr(process_tree, "_children", children_of)
    try:
        process_tree.kill(tree.pid)
        assert other.poll() is None
        assert (proc_stat.stat(other.pid) or "?")[0] not in proc_stat.STOPPED
    finally:
        other.kill()
        other.wait()
