"""Locals and arguments are nouns that say what they hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "pyoci"
NO_NOUNS = {"found", "given", "wanted", "own", "made", "told", "said"}
# Functions that still have such names, by file. This list only shrinks: take out what you mend.
REMAINING: dict[str, int] = {
    "cgroups/group.py": 2,  # a record's field: whether `create` made the group
}


def names_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def test_locals_are_nouns() -> None:
    counts: dict[str, int] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                number = len(NO_NOUNS.intersection(names_of(node)))
                if number:
                    place = str(path.relative_to(PACKAGE))
                    counts[place] = counts.get(place, 0) + number
    more = {place: number for place, number in counts.items() if number > REMAINING.get(place, 0)}
    assert not more, "name what the value is (status, path, mounts), not where it comes from"
    fewer = {place: counts.get(place, 0) for place, number in REMAINING.items() if number > counts.get(place, 0)}
    assert not fewer, "REMAINING has more than there are: write these numbers"
