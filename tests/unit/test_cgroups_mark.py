"""A container's mark is on the group that was made for it, whatever its path stands for by then."""

from __future__ import annotations

import os
import posix
from pathlib import Path

import pytest

from pyoci.cgroups.group import MARK, Group


def test_the_mark_of_a_group_that_was_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who may write to the parent can rename a group of v1, and remove an empty one of v2."""
    marked: list[tuple[int, str, bytes]] = []

    def setxattr(target: int | str, name: str, value: bytes) -> None:
        marked.append((os.stat(target).st_ino, name, value))

    monkeypatch.setattr(posix, "setxattr", setxattr)
    group = Group(str(tmp_path), "/c1")
    group.make([])
    (tmp_path / "c1").rename(tmp_path / "elsewhere")
    (tmp_path / "c1").mkdir()
    group.mark("ID")
    assert marked == [(group.inode, MARK, b"ID")]
    assert group.inode == (tmp_path / "elsewhere").stat().st_ino
    os.close(group.take())
