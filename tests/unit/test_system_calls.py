"""pyoci.kernel._raw knows the number of each system call that the modules name, and of no other; and what some do."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pyoci.kernel import _raw, process, signals

PACKAGE = Path(_raw.__file__ or "").parent.parent
TESTS = Path(__file__).parent.parent


def named(folder: Path) -> set[str]:
    """The names in SYS["name"] and in Call(name="name"), in all modules below the folder."""
    pattern = re.compile(r'SYS\["(\w+)"\]|\bCall\(\s*name="(\w+)"')
    found = (match for path in folder.rglob("*.py") for match in pattern.finditer(path.read_text()))
    return {match[1] or match[2] for match in found}


def test_every_call_that_is_named_has_a_number() -> None:
    assert named(PACKAGE) > {"openat2", "capset"}
    assert named(PACKAGE) <= set(_raw.SYS)


def test_no_call_is_listed_that_nobody_makes() -> None:
    assert set(_raw.SYS) <= named(PACKAGE) | named(TESTS)


@pytest.mark.parametrize("is_dead", [False, True])
def test_a_parent_that_has_died_before_is_noticed(is_dead: bool) -> None:
    """The kernel sends the signal of PR_SET_PDEATHSIG only for a death that comes after the call."""
    told, tells = os.pipe()
    parent = os.fork()
    if parent == 0:
        owner, (waits, goes) = os.getpid(), os.pipe()
        if os.fork():
            if is_dead:
                os._exit(0)
            os.close(goes)
            os.close(tells)
            os.read(waits, 1)  # until the child has ended
            os._exit(0)
        try:
            while is_dead and os.getppid() == owner:
                os.sched_yield()
            process.die_with_parent(signals.KILL, owner)
            os.write(tells, b"alive")
        finally:
            os._exit(1)
    os.close(tells)
    with open(told, "rb") as file:
        assert file.read() == (b"" if is_dead else b"alive")
    os.waitpid(parent, 0)
