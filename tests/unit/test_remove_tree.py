"""A folder that a container could write to is removed, whatever is in it."""

from __future__ import annotations

import os
from pathlib import Path

from pyoci.library.bundle import Bundle
from pyoci.state.remove_tree import remove_tree

DEPTH = 3000


def make_deep(folder: Path) -> None:
    here = os.getcwd()
    folder.mkdir(parents=True)
    try:
        os.chdir(folder)
        for _ in range(DEPTH):
            os.mkdir("d")
            os.mkdir("e")
            Path("fact").touch()
            os.chdir("d")
    finally:
        os.chdir(here)


def test_a_tree_deeper_than_a_path(tmp_path: Path) -> None:
    make_deep(tmp_path / "folder")
    remove(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_bundle_of_the_library(tmp_path: Path) -> None:
    """Its container has written to the rootfs."""
    make_deep(tmp_path / "bundle/rootfs/tmp")
    Bundle(tmp_path / "bundle").remove()
    assert not list(tmp_path.iterdir())


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "folder/inner").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/fact").touch()
    (tmp_path / "folder/link").symlink_to("../kept")
    (tmp_path / "folder/inner/link").symlink_to(tmp_path / "kept")
    remove(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "fact"]


def remove(place: Path) -> None:
    fd = os.open(place, os.O_RDONLY)
    before = len(os.listdir("/proc/self/fd"))
    try:
        remove_tree("folder", fd)
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        os.close(fd)
