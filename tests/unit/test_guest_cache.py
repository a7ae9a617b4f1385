"""The cache of hack/vm's guests: what is made in it at a time, and by whom."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "hack/vm.d"))

import image  # noqa: E402 - found beside hack/vm

LONG = 60.0  # seconds: more than any machine takes for what must happen


class Cache:
    """A cache in which a build takes as long as `while_building`; `made` are the kinds in the order of their end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[str] = []
        self.while_building: Callable[[], None] = lambda: None

    def fill(self, *words: Any) -> None:
        """Stands for the build of `words[2]`, a kind of guest."""
        self.while_building()
        self.made.append(words[2].name)

    def have(self, *kind: str) -> image.Image:
        had, lock = image.ensure(self.folder, image.Kind(*kind))
        lock.close()
        return had

    def wanting(self, *kind: str) -> threading.Thread:
        """A run, begun, that has that guest when it ends."""
        thread = threading.Thread(target=self.have, args=kind, daemon=True)
        thread.start()
        return thread


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    cache = Cache(tmp_path)
    monkeypatch.setattr(image, "TOOLS", ())
    monkeypatch.setattr(image, "BUILD_SPACE", 0)
    monkeypatch.setattr(image, "host_release", lambda: "bookworm")
    monkeypatch.setattr(image, "mirror_of", str)
    monkeypatch.setattr(image, "_fill", cache.fill)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return cache


def test_a_guest_is_had_while_that_of_another_release_is_made(cache: Cache) -> None:
    cache.have("trixie")
    begun, go_on = threading.Event(), threading.Event()

    def build() -> None:
        begun.set()
        go_on.wait(LONG)

    cache.while_building = build
    maker = cache.wanting("sid")
    try:
        assert begun.wait(LONG)
        other = cache.wanting("trixie")
        other.join(LONG / 2)
        assert not other.is_alive()
        assert cache.made == ["image-trixie"]
    finally:
        go_on.set()
        maker.join(LONG)
    assert cache.made == ["image-trixie", "image-sid"]


def test_a_guest_that_several_want_is_made_once(cache: Cache) -> None:
    for run in [cache.wanting() for _ in range(4)]:
        run.join(LONG)
    assert cache.made == ["image"]


def test_a_build_removes_what_a_killed_one_of_its_kind_left(cache: Cache) -> None:
    left, of_another_kind = cache.folder / "build.image.1", cache.folder / "build.image-sid.1"
    for folder in (left, of_another_kind):
        (folder / "tree").mkdir(parents=True)
    cache.have()
    assert not left.exists()
    assert of_another_kind.exists()  # that kind has a lock of its own, and may be building


@pytest.mark.parametrize("kind", [(), ("sid",), ("sid", "trixie")])
def test_an_image_names_its_kind(cache: Cache, kind: tuple[str, ...]) -> None:
    assert cache.have(*kind).kind == image.Kind(*kind).name
