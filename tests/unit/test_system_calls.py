"""pyoci.kernel._raw knows the number of each system call that the modules name, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

from pyoci.kernel import _raw

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
