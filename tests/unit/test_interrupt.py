"""A signal that asks a command to end has its work undone: by the process whose work it is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from pyoci.errors import Interrupted
from pyoci.host import interrupt, supervise
from pyoci.kernel import signals

INSTALL = [interrupt.undo_when_asked_to_end, supervise._end_by_exception]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (*interrupt.ENDING, *supervise._ENDINGS)}
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


@pytest.mark.parametrize("install", INSTALL)
def test_a_fork_ends_and_undoes_nothing(install: Callable[[], None]) -> None:
    """E.g. one that a library makes and ends by SIGTERM, or any when Ctrl-C reaches all of a terminal's processes."""
    install()
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
