"""The lock of those who freeze, where its file cannot be made."""

from __future__ import annotations

import errno
import os
import posix
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyoci.errors import SyscallError
from pyoci.state import freezer_lock
from pyoci.state.store import FREEZER_LOCK, Entry

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@pytest.fixture
def entry(tmp_path: Path) -> Iterator[Entry]:
    with opened(tmp_path) as entry:
        yield entry


def opened(folder: Path) -> Entry:
    return Entry("c1", str(folder.parent), os.open(folder, os.O_RDONLY), str(folder))


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    plain = posix.open

    def open_(path: Any, *words: Any, **keywords: Any) -> int:
        if path == FREEZER_LOCK:
            raise OSError(number, "")
        return plain(path, *words, **keywords)

    monkeypatch.setattr(posix, "open", open_)


@pytest.mark.parametrize("number", FULL)
def test_a_checkpoint_that_could_begin_meanwhile_waits(
    tmp_path: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It takes the entry's lock first, and space may have come by then."""
    refuse(monkeypatch, number)
    with opened(tmp_path) as of_checkpoint:
        with freezer_lock.take(entry):
            assert not of_checkpoint.try_lock()
        assert of_checkpoint.try_lock()


@pytest.mark.parametrize("number", FULL)
def test_a_start_that_waits_is_in_nobodys_way(
    tmp_path: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse(monkeypatch, number)
    with opened(tmp_path) as of_start:
        assert of_start.try_lock()
        with freezer_lock.take(entry):
            pass
        assert not entry.try_lock(), "it is the start's still"


@pytest.mark.parametrize("number", [*FULL, errno.EACCES])
def test_a_checkpoint_does_not_go_on_without(entry: Entry, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    refuse(monkeypatch, number)
    with pytest.raises(SyscallError, match="freezer"):
        freezer_lock.take(entry, makes_it=True)
    if number not in FULL:
        with pytest.raises(SyscallError, match="freezer"):
            freezer_lock.take(entry)


def test_the_lock_of_the_freezer_is_not_that_of_the_entry(tmp_path: Path, entry: Entry) -> None:
    with opened(tmp_path) as of_start:
        assert of_start.try_lock()
        with freezer_lock.take(entry):
            assert (tmp_path / FREEZER_LOCK).exists()
