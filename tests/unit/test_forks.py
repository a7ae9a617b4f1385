"""The child of a fork ends where it began: no exception leads it up the stack that it shares with its parent."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pyoci
from pyoci.kernel import process

PACKAGE = Path(pyoci.__file__).parent
# `supervise` goes on in the child, and its parent is the one that ends.
LEFT_OUT = {("host/supervise.py", "detach")}


def calls(node: ast.AST, *names: str) -> bool:
    return any(
        isinstance(part, ast.Call) and ast.unparse(part.func).rpartition(".")[2] in names for part in ast.walk(node)
    )


def branches_of_children() -> Iterator[tuple[str, dict[str, ast.FunctionDef], list[ast.stmt]]]:
    """(place, functions of the module, body) of each `if pid == 0:` in a function that forks."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        file = str(path.relative_to(PACKAGE))
        for function in functions.values():
            if not calls(function, "fork") or (file, function.name) in LEFT_OUT:
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.If) and ast.unparse(node.test).endswith(" == 0"):
                    yield f"{file}:{node.lineno}", functions, node.body


def stops_everything(statement: ast.stmt) -> bool:
    """`try` that ends the process whatever is raised in it."""
    if not isinstance(statement, ast.Try):
        return False
    everything = [
        handler for handler in statement.handlers if ast.unparse(handler.type or ast.Name("all")) == "BaseException"
    ]
    return bool(everything) or any(calls(last, "_exit") for last in statement.finalbody)


BRANCHES = list(branches_of_children())


@pytest.mark.parametrize(("place", "functions", "body"), BRANCHES, ids=[branch[0] for branch in BRANCHES])
def test_no_exception_leaves_the_branch_of_a_child(
    place: str, functions: dict[str, ast.FunctionDef], body: list[ast.stmt]
) -> None:
    if any(map(stops_everything, body)):
        return
    (only,) = body
    assert isinstance(only, ast.Expr), place
    assert isinstance(only.value, ast.Call), place
    if calls(only, "end_with"):
        return
    names = {part.id for part in ast.walk(only) if isinstance(part, ast.Name) and part.id in functions}
    assert names, place
    assert all(any(map(stops_everything, functions[name].body)) for name in names), place


def test_there_are_such_branches() -> None:
    assert len(BRANCHES) >= 8


def interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("action", "status"), [(lambda: None, 0), (interrupted, 1), (lambda: 1 // 0, 1)])
def test_child_ends_with_its_action(action: Callable[[], object], status: int) -> None:
    pid = os.fork()
    if pid == 0:
        process.end_with(action)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status
