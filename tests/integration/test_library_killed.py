"""A supervisor that is killed at any step of making a container: its caller hears of it, and nothing is left."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest
from helpers.library import Library
from helpers.runtime import TIME_LIMIT, until

import pyoci

# Calls of the supervisor, in about the order in which it comes to them: it is killed at the first and the last of each.
# Later ones, when init waits for start, cannot be tried so: strace follows init, and holds the supervisor's socket.
STEPS = ("mkdir", "setsid", "rename", "clone3")


@pytest.fixture
def killer(library: Library, scratch: Path) -> Path:
    """A program in place of pyoci: it runs pyoci, and `supervise` below strace with the options in a file beside it."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    program, real = scratch / "pyoci", library.options["program"]
    traced = f'strace -D -f -qq $(cat {scratch}/options) -- {real} "$@"'
    program.write_text(f'#!/bin/sh\ncase " $* " in *" supervise "*) exec {traced};; esac\nexec {real} "$@"\n')
    program.chmod(0o755)
    library.options["program"] = str(program)
    return program


def make(library: Library, kind: str) -> None:
    if kind == "create":
        with library.create("sleep 100") as container:
            assert container.status == "created"
    else:
        assert library.run("true", timeout=TIME_LIMIT).returncode == 0


@pytest.mark.parametrize("which", ["first", "last"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", ["create", "run"])
def test_killed_at(library: Library, killer: Path, scratch: Path, kind: str, step: str, which: str) -> None:
    options = killer.parent / "options"
    options.write_text(f"-ff -o {scratch}/trace -e trace={step}")
    make(library, kind)
    times = max((trace.read_text().count(f"{step}(") for trace in scratch.glob("trace.*")), default=0)
    if not times:
        pytest.skip(f"the supervisor does not call {step}")
    number = 1 if which == "first" else times
    options.write_text(f"-o /dev/null -e trace={step} -e inject={step}:signal=KILL:when={number}")
    with contextlib.suppress(pyoci.PyociError):  # at the last step it may be done
        make(library, kind)
    until(lambda: not left(library), "nothing is left")


@pytest.mark.parametrize("kind", ["create", "run", "run out of time"])
def test_a_container_that_has_the_id_already_stays(library: Library, killer: Path, kind: str) -> None:
    options = killer.parent / "options"
    options.write_text("-o /dev/null -e trace=none")
    with library.started() as container:
        with pytest.raises(pyoci.ContainerExists):
            library.create("true", id=container.id)
        options.write_text("-o /dev/null -e trace=flock -e inject=flock:signal=KILL:when=1")
        if kind == "run out of time":
            options.write_text("-o /dev/null -e trace=flock -e inject=flock:delay_enter=3000000")
        with pytest.raises(pyoci.PyociError):
            if kind == "create":
                library.create("true", id=container.id)
            else:
                library.run("true", id=container.id, timeout=0.5 if kind != "run" else None)
        assert container.status == "running"


def left(library: Library) -> list[str]:
    """Entries of the store, bundles of configs, and cgroups."""
    places = [Path(library.options["root"]), Path("/run/pyoci-bundles")]
    names = [name for place in places if place.is_dir() for name in os.listdir(place)]
    ours = [name for name in names if any(own in name for own in library.runtime.known)]
    tree = os.walk("/sys/fs/cgroup")
    groups = [f"{folder}/{name}" for folder, found, _ in tree for name in found if name in library.runtime.known]
    return ours + groups
