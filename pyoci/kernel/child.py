"""A child process that runs one function of ours and ends. For cold paths: init is made by clone3(2)."""

from __future__ import annotations

import posix

from pyoci.kernel.signals import ENDING

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from typing import NoReturn
else:
    import _signal


def run(action: Callable[[], int | None]) -> int:
    """The number of a child that runs `action` and ends with the status that it returns; 1 after any exception.

    Nothing leads the child into what its parent has to undo. Ctrl-C, which a whole group of processes gets, ends it
    before it has begun or in the middle, as it ends any program: Python's handler would raise an exception anywhere,
    also where the child is still on its way to `action`.
    """
    blocked = _signal.pthread_sigmask(_signal.SIG_BLOCK, ENDING)
    try:
        pid = posix.fork()
        if pid == 0:
            _end_with(action, blocked)
        return pid
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, blocked)


def _end_with(action: Callable[[], int | None], blocked: set[int | _signal.Signals]) -> NoReturn:
    status = 1
    try:
        for number in ENDING:
            if _signal.getsignal(number) != _signal.SIG_IGN:
                _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, blocked)
        status = action() or 0
    finally:
        posix._exit(status)
