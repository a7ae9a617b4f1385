"""A signal that asks a command to end has its work undone: by the process whose work it is."""

from __future__ import annotations

import ast
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyoci
from pyoci.errors import Interrupted
from pyoci.host import interrupt
from pyoci.kernel import signals

PACKAGE = Path(pyoci.__file__).parent
# They make a process and may be interrupted there: their callers delay, or what is made has no work to be undone.
MAY_BE_INTERRUPTED = {
    ("host/spawn.py", "_clone"),
    ("host/namespace_visit.py", "clone"),
    ("host/supervise.py", "detach"),  # before anything is begun
    ("host/ps.py", "_run"),
}


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in interrupt.ENDING}
    for number in before:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", interrupt.ENDING)
def test_raised_in_the_process_itself_and_only_once(number: int) -> None:
    interrupt.undo_when_asked_to_end()
    with pytest.raises(Interrupted):
        os.kill(os.getpid(), number)
        os.getpid()
    os.kill(os.getpid(), number)


def test_a_fork_ends_and_undoes_nothing() -> None:
    """E.g. one that a library makes and ends by SIGTERM, or any when Ctrl-C reaches all of a terminal's processes."""
    interrupt.undo_when_asked_to_end()
    child = os.fork()
    if child == 0:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            os.getpid()
        except BaseException:  # noqa: BLE001
            os._exit(1)  # here its parent's undoing would begin
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 128 + signal.SIGTERM


def test_what_is_held_waits_until_it_is_let_through() -> None:
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    signals.hold()
    signals.hold()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked | set(signals.ENDING)
    signals.let_through()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked
    signals.let_through()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked


def test_the_end_of_a_delay_lets_through_what_was_held_before_it() -> None:
    """`create` relies on it: the hold from before the cgroup ends when `spawn` has made init."""
    signals.hold()
    with signals.Delayed():
        pass
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(signals.ENDING)


def makes_process(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in (
        *("posix.fork", "process.clone", "posix.posix_spawn", "posix.posix_spawnp"),
    )


def is_delayed(node: ast.AST) -> bool:
    return isinstance(node, ast.With) and any(ast.unparse(item) == "signals.Delayed()" for item in node.items)


def test_whoever_undoes_knows_of_every_process() -> None:
    """An interrupt between fork(2) and the note of its number would leave a process that nobody ends."""
    open_to_interrupts = set()
    for path in [PACKAGE / "hook_exec.py", *(PACKAGE / "host").glob("*.py"), *(PACKAGE / "criu").glob("*.py")]:
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                made = sum(map(makes_process, ast.walk(function)))
                delayed = sum(
                    sum(map(makes_process, ast.walk(node))) for node in ast.walk(function) if is_delayed(node)
                )
                if made > delayed:
                    open_to_interrupts.add((str(path.relative_to(PACKAGE)), function.name))
    assert open_to_interrupts == MAY_BE_INTERRUPTED
