"""One world for each engine's tests, and the image that they run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import cgroup, leaks, sandbox
from helpers.bundle import Bundle
from helpers.engine import World, world
from helpers.image import write_image
from helpers.runtime import runtime_command


@pytest.fixture(scope="session")
def runtime_path() -> str:
    """The one program that engines are told to call."""
    (path,) = runtime_command()
    return os.path.abspath(path)


@pytest.fixture(scope="session")
def image(place: Path) -> Path:
    """An archive with an image of busybox."""
    folder = place / "image"
    write_image(folder.with_suffix(".tar"), Bundle(folder, "").rootfs)
    return folder.with_suffix(".tar")


@pytest.fixture(scope="module")
def engine_world(place: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    watch = leaks.Watch()
    folder = place / request.module.__name__.rpartition(".")[2]
    folder.mkdir()
    try:
        with world(folder) as engine:
            yield engine
    finally:
        found = watch.leaks()
        shutil.rmtree(folder, ignore_errors=True)
    # What the engine itself leaves (conmon's group, the parent) is not the runtime's; its containers' groups are.
    ours = [leak for leak in found if "cgroup left" not in leak]
    assert not ours, "; ".join(ours)


@pytest.fixture
def groups_before(engine_world: World) -> set[Path]:
    del engine_world  # first: it makes groups, too
    return set(cgroup.named(sandbox.MARK))
