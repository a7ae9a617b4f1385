"""The child of a fork ends where it began: no exception leads it up the stack that it shares with its parent."""

from __future__ import annotations

import ast
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pyoci
from pyoci.kernel import child

PACKAGE = Path(pyoci.__file__).parent
# `supervise` goes on in the child, and its parent is the one that ends.
LEFT_OUT = {("host/supervise.py", "detach")}


def calls(node: ast.AST, *names: str) -> bool:
    return any(
        isinstance(part, ast.Call) and ast.unparse(part.func).rpartition(".")[2] in names for part in ast.walk(node)
    )


def modules_that_fork() -> list[Path]:
    """Those that have the word, which is faster to find than a call."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "fork" in path.read_text()]


def branches_of_children() -> Iterator[tuple[str, dict[str, ast.FunctionDef], list[ast.stmt]]]:
    """(place, functions of the module, body) of each `if pid == 0:` in a function that forks."""
    for path in modules_that_fork():
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
    if calls(only, "_end_with"):
        return
    names = {part.id for part in ast.walk(only) if isinstance(part, ast.Name) and part.id in functions}
    assert names, place
    assert all(any(map(stops_everything, functions[name].body)) for name in names), place


def test_there_are_such_branches() -> None:
    assert len(BRANCHES) >= 4


# Its caller delays signals; the child goes on as the supervisor.
UNDELAYED = {("host/spawn.py", "_clone"), ("host/supervise.py", "detach"), ("kernel/child.py", "run")}


def test_signals_wait_while_a_process_forks() -> None:
    """Python's handlers would raise in the child, on its way from fork(2) to where nothing is raised any more."""
    for path in modules_that_fork():
        file = str(path.relative_to(PACKAGE))
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef) or (file, function.name) in UNDELAYED:
                continue
            delayed = [
                part
                for part in ast.walk(function)
                if isinstance(part, ast.With) and ast.unparse(part.items[0]) == "signals.Delayed()"
            ]
            assert not calls(function, "fork") or any(calls(part, "fork") for part in delayed), (
                f"{file}: {function.name}"
            )


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def interrupted() -> None:
    raise KeyboardInterrupt


def impossible() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("action", "status"),
    [(lambda: None, 0), (lambda: 7, 7), (interrupted, 1), (impossible, 1), (ctrl_c, -signal.SIGINT)],
)
def test_child_ends_with_its_action(action: Callable[[], int | None], status: int) -> None:
    pid = child.run(action)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status


def test_parent_has_its_signals_again() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    os.waitpid(child.run(lambda: None), 0)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
