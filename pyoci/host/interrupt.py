"""A signal that asks a command to end: what the command has begun is undone first."""

from __future__ import annotations

import posix

from pyoci.errors import Interrupted
from pyoci.kernel import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import NoReturn
else:
    import _signal

ENDING = signals.ENDING


def _heard(_signal: int, _frame: object) -> None:
    """Not SIG_IGN, which execve(2) would hand on to a hook."""


def undo_when_asked_to_end(outcome: str = "what was begun is undone") -> None:
    """From now on such a signal raises Interrupted with these words, once: the undoing itself is not interrupted.

    A signal that the caller ignores (nohup(1)) stays ignored, and a handler that there is already stays, too.
    """
    owner = posix.getpid()

    def interrupt(signal: int, _frame: object) -> NoReturn:
        if posix.getpid() != owner:
            # A fork, of a library, too, has this handler and the way back through our own code: it would undo what its
            # parent goes on with.
            posix._exit(128 + signal)  # as shells count
        for number in ENDING:
            if _signal.getsignal(number) != _signal.SIG_IGN:  # the caller's, for hooks of the undoing, too
                _signal.signal(number, _heard)
                _signal.siginterrupt(number, False)
        raise Interrupted(signal, outcome)

    for number in ENDING:
        if _signal.getsignal(number) in (_signal.SIG_DFL, _signal.default_int_handler):
            _signal.signal(number, interrupt)
