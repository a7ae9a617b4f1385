"""runtime.md, State: the status is what the kernel says, after a crash, a reboot, a reused number too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import fake_init
from helpers.fake_init import FakeInit

from pyoci import cgroups
from pyoci.kernel import proc_stat
from pyoci.state.model import State
from pyoci.state.status import hold_init, look
from pyoci.state.store import START_SOCKET, Entry, Store


def status(entry: Entry, state: State) -> str:
    entry.write(state)
    return look(entry)[1]


NOBODY = 4_194_303  # above any pid_max that a test machine has


@pytest.fixture
def init(entry: Entry) -> Iterator[FakeInit]:
    process = FakeInit(entry)
    yield process
    process.reap()


def test_creating_while_create_lives(entry: Entry) -> None:
    me = os.getpid()
    state = fake_init.state("x", creator_pid=me, creator_start=proc_stat.start_time(me))
    assert status(entry, state) == "creating"


def test_stopped_when_create_was_killed(entry: Entry) -> None:
    me = os.getpid()
    assert status(entry, fake_init.state("x", creator_pid=NOBODY, creator_start=1)) == "stopped"
    assert status(entry, fake_init.state("x", creator_pid=me, creator_start=1)) == "stopped"
    assert status(entry, fake_init.state("x")) == "stopped"


def test_create_that_ends_while_its_record_is_read(
    entry: Entry, init: FakeInit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has written the number of init and exited since the record was read."""
    finished = fake_init.state("x", pid=init.pid, pid_start=init.start)
    entry.write(fake_init.state("x", creator_pid=NOBODY, creator_start=1))

    def has_just_exited(_state: State) -> bool:
        entry.write(finished)
        return False

    monkeypatch.setattr("pyoci.state.status.creator_lives", has_just_exited)
    assert look(entry) == (finished, "created")


def test_created_while_init_holds_the_socket(entry: Entry, init: FakeInit) -> None:
    assert status(entry, fake_init.state("x", pid=init.pid, pid_start=init.start)) == "created"


def test_running_without_the_socket(entry: Entry, init: FakeInit) -> None:
    entry.unlink(START_SOCKET)
    assert status(entry, fake_init.state("x", pid=init.pid, pid_start=init.start)) == "running"


def test_running_when_nobody_holds_the_socket(entry: Entry) -> None:
    """`start` was killed between execve and unlink."""
    FakeInit(entry).reap()
    me = os.getpid()
    state = fake_init.state("x", pid=me, pid_start=proc_stat.start_time(me))
    assert os.path.exists(f"{entry.path}/{START_SOCKET}")
    assert status(entry, state) == "running"


def test_stopped_when_init_is_a_zombie(entry: Entry, init: FakeInit) -> None:
    init.kill()
    assert status(entry, fake_init.state("x", pid=init.pid, pid_start=init.start)) == "stopped"


def test_stopped_when_init_is_gone(entry: Entry, init: FakeInit) -> None:
    init.reap()
    assert status(entry, fake_init.state("x", pid=init.pid, pid_start=init.start)) == "stopped"


def test_stopped_when_the_number_is_another_process(entry: Entry, init: FakeInit) -> None:
    state = fake_init.state("x", pid=init.pid, pid_start=init.start - 1)
    assert status(entry, state) == "stopped"
    assert hold_init(state) is None


def test_stopped_after_a_reboot(entry: Entry, init: FakeInit) -> None:
    state = fake_init.state("x", pid=init.pid, pid_start=init.start, boot_id="of-another-boot")
    assert status(entry, state) == "stopped"
    assert hold_init(state) is None


def test_an_unreadable_boot_id_decides_nothing(entry: Entry, init: FakeInit, monkeypatch: pytest.MonkeyPatch) -> None:
    state = fake_init.state("x", pid=init.pid, pid_start=init.start)
    monkeypatch.setattr(proc_stat, "boot_id", lambda: "")
    assert status(entry, state) == "created"


class _Group:
    def __init__(self, frozen: bool) -> None:
        self.frozen = frozen

    def is_frozen(self) -> bool:
        return self.frozen


@pytest.mark.parametrize(("frozen", "word"), [(True, "paused"), (False, "created")])
def test_paused_when_the_cgroup_is_frozen(
    entry: Entry, init: FakeInit, monkeypatch: pytest.MonkeyPatch, frozen: bool, word: str
) -> None:
    monkeypatch.setattr(cgroups, "reopen", lambda _saved: _Group(frozen))
    state = fake_init.state("x", pid=init.pid, pid_start=init.start, cgroup={"some": "group"})
    assert status(entry, state) == word


def test_a_dead_container_does_not_ask_for_its_cgroup(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cgroups, "reopen")
    assert status(entry, fake_init.state("x", pid=NOBODY, pid_start=1, cgroup={"a": 1})) == "stopped"


def test_a_long_root_does_not_matter(tmp_path: Path) -> None:
    """A socket's name has 108 bytes (unix(7))."""
    with fake_init.published(Store(str(tmp_path / ("d" * 200) / ("e" * 200))), "y" * 200) as entry:
        init = FakeInit(entry)
        state = fake_init.state("y" * 200, pid=init.pid, pid_start=init.start)
        try:
            assert status(entry, state) == "created"
        finally:
            init.reap()
