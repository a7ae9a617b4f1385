"""Signals reach processes of the group alone, whatever numbers are given out meanwhile; walks have no depth."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyoci.cgroups import files, members, walk
from pyoci.cgroups.group import Gone, Group
from pyoci.errors import CgroupError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "below").mkdir()
    if tmp_path.stat().st_nlink < 3:
        pytest.skip("this file system does not count the folders in a folder, as kernfs does")
    (tmp_path / "below").rmdir()
    return tmp_path


@pytest.fixture
def top(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY)
    yield fd
    os.close(fd)


def chain(top: int, depth: int, name: str = "n" * 200) -> None:
    here = os.dup(top)
    for _ in range(depth):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


class TestWalk:
    def test_parents_come_first_and_each_once(self, folder: Path, top: int) -> None:
        for name in ("a/x", "a/y", "b"):
            (folder / name).mkdir(parents=True)
        found = [os.readlink(f"/proc/self/fd/{fd}").removeprefix(str(folder)) for fd in walk.groups(top)]
        assert sorted(found) == ["", "/a", "/a/x", "/a/y", "/b"]
        assert found[0] == ""
        assert found.index("/a") < min(found.index("/a/x"), found.index("/a/y"))

    def test_what_is_not_entered_is_left_out_with_all_below_it(self, folder: Path, top: int) -> None:
        for name in ("a/x", "b/y"):
            (folder / name).mkdir(parents=True)
        inode = (folder / "a").stat().st_ino
        found = [os.fstat(fd).st_ino for fd in walk.groups(top, lambda fd: os.fstat(fd).st_ino != inode)]
        assert sorted(found) == sorted((folder / name).stat().st_ino for name in (".", "b", "b/y"))

    def test_a_chain_deeper_than_a_path_and_than_pythons_stack(self, folder: Path, top: int) -> None:
        chain(top, 1500)
        before = os.listdir("/proc/self/fd")
        assert sum(1 for _ in walk.groups(top)) == 1501
        assert walk.remove_below(top)
        assert os.listdir("/proc/self/fd") == before
        assert list(folder.iterdir()) == []

    def test_what_is_busy_stays_and_the_rest_goes(self, folder: Path, top: int) -> None:
        for name in ("a/x", "b/y", "b/z"):
            (folder / name).mkdir(parents=True)
        (folder / "b/y/file").touch()  # rmdir: not empty, as a group with processes is busy
        assert not walk.remove_below(top)
        assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == ["b", "b/y", "b/y/file"]

    def test_no_descriptor_is_left_when_a_walk_is_given_up(self, folder: Path, top: int) -> None:
        for name in ("a/x", "b"):
            (folder / name).mkdir(parents=True)
        before = os.listdir("/proc/self/fd")
        walking = walk.groups(top)
        next(walking)
        next(walking)
        walking.close()  # type: ignore[attr-defined]
        assert os.listdir("/proc/self/fd") == before


class TestSignal:
    def listing(self, monkeypatch: pytest.MonkeyPatch, *texts: str) -> None:
        """What cgroup.procs says each time it is read; the last for ever."""
        left = list(texts)
        monkeypatch.setattr(files, "read_raw", lambda _name, _fd: left.pop(0) if len(left) > 1 else left[0])

    def test_members_are_signalled(self, monkeypatch: pytest.MonkeyPatch, top: int) -> None:
        process = subprocess.Popen(["sleep", "60"])
        self.listing(monkeypatch, f"{process.pid}\n0\n")
        assert members.signal_once(top, signal.SIGTERM) == 1
        assert process.wait(120) == -signal.SIGTERM

    def test_a_number_that_the_group_no_longer_lists_is_spared(self, monkeypatch: pytest.MonkeyPatch, top: int) -> None:
        """It was another's by the time that it was opened."""
        stranger = subprocess.Popen(["sleep", "60"])
        self.listing(monkeypatch, f"{stranger.pid}\n", "")
        assert members.signal_once(top, signal.SIGKILL) == 0
        assert stranger.poll() is None
        stranger.kill()
        stranger.wait()

    def test_who_is_gone_does_not_count(self, monkeypatch: pytest.MonkeyPatch, top: int) -> None:
        process = subprocess.Popen(["true"])
        process.wait()
        self.listing(monkeypatch, f"{process.pid}\n")
        assert members.signal_once(top, signal.SIGKILL) == 0

    def test_until_quiet_reaches_those_that_were_forked_meanwhile(
        self, monkeypatch: pytest.MonkeyPatch, top: int
    ) -> None:
        first, second = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
        both = f"{first.pid}\n{second.pid}\n"
        self.listing(monkeypatch, f"{first.pid}\n", f"{first.pid}\n", both)
        members.signal_until_quiet(top, signal.SIGTERM)
        assert [process.wait(120) for process in (first, second)] == [-signal.SIGTERM] * 2

    def test_until_quiet_ends(self, monkeypatch: pytest.MonkeyPatch, top: int) -> None:
        monkeypatch.setattr(members, "_signal_group", lambda *_arguments: 1)
        with pytest.raises(CgroupError, match="fork faster than they are signalled"):
            members.signal_until_quiet(top, signal.SIGTERM)

    def test_many_are_held_in_batches(self, monkeypatch: pytest.MonkeyPatch, top: int) -> None:
        held: list[int] = []
        most = 0

        def hold(_pid: int) -> int:
            nonlocal most
            held.append(os.open("/dev/null", os.O_RDONLY))
            most = max(most, len(os.listdir("/proc/self/fd")))
            return held[-1]

        monkeypatch.setattr(members, "_hold", hold)
        monkeypatch.setattr(members, "_send", lambda _fd, _pid, _signal: 1)
        self.listing(monkeypatch, "\n".join(map(str, range(1, 1001))))
        before = len(os.listdir("/proc/self/fd"))
        assert members.signal_once(top, signal.SIGTERM) == 1000
        assert most <= before + 70
        assert len(os.listdir("/proc/self/fd")) == before


class TestIdentity:
    """A `Group` on any file system: what counts is the number of the folder."""

    def test_another_folder_of_that_name_is_not_the_group(self, folder: Path) -> None:
        group = Group(str(folder), "/g")
        group.make([])
        assert group.is_there()
        os.rename(folder / "g", folder / "moved")
        (folder / "g").mkdir()
        assert not group.is_there()
        for use in (group.open, group.check):
            with pytest.raises(Gone, match="replaced by somebody else"):
                use()
        os.close(group.take())
        assert group.remove() == ""
        assert (folder / "g").exists()
        assert group.pids() == []

    def test_a_group_that_is_not_known_yet_is_nobodys(self, folder: Path) -> None:
        group = Group(str(folder), "/g")
        (folder / "g").mkdir()
        assert not group.is_there()
        with pytest.raises(Gone):
            group.open()

    def test_what_was_there_before_create_and_is_not_known_stays(self, folder: Path) -> None:
        (folder / "g").mkdir()
        assert Group(str(folder), "/g", made=False).remove() == ""
        assert (folder / "g").exists()
        assert Group(str(folder), "/g", made=True).remove() == ""
        assert not (folder / "g").exists()

    def test_saved_and_read_back(self) -> None:
        group = Group("/m", "/a/b", 77, False)
        again = Group.from_saved(group.save())
        assert (again.mount, again.name, again.inode, again.made, again.path) == ("/m", "/a/b", 77, False, "/m/a/b")
        for broken in (["/m", "/a", "7", True], ["/m", "/a", 7], ["/m", "/a", 7, 1], [3, "/a", 7, True]):
            with pytest.raises(ValueError):
                Group.from_saved(broken)

    def test_parents_are_made_and_undone(self, folder: Path) -> None:
        undo: list[str] = []
        group = Group(str(folder), "/a/b/c")
        group.make(undo)
        os.close(group.take())
        assert undo == [f"{folder}/a", f"{folder}/a/b", f"{folder}/a/b/c"]
        assert group.made
        from pyoci.cgroups.group import remove_made

        remove_made(undo)
        assert list(folder.iterdir()) == []
