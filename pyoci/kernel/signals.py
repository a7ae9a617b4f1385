"""Signals by name, and how a program expects to find them. See signal(7).

`signal` itself is not imported: it makes enums, at the price of 6 ms.
"""

from __future__ import annotations

from pyoci.kernel import _raw

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal

KILL = 9
STOP: int = _signal.SIGSTOP  # not 19 everywhere
CONT: int = _signal.SIGCONT  # not 18 everywhere
_blocked_before: list[set[int | _signal.Signals]] = []  # one item while signals are held, else none
ignored: set[int] = set()  # those that the caller ignores, and that have a handler since
ENDING = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM)
BY_PYTHON = (_signal.SIGPIPE, _signal.SIGXFSZ)  # ignored by Python and not by the caller, and so over execve(2)
_LAST = 64  # SIGRTMAX, the highest on every architecture that Linux has except MIPS


def number(text: str) -> int:
    """`TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN+3`, `SIGRTMAX-1` as a signal's number.

    0 is allowed: kill(2) then only checks. Raises ValueError.
    """
    if text.isascii() and text.isdigit():
        value: object = int(text) if len(text) < 4 else None
    else:
        name, sign, offset = _split(text.upper())
        value = getattr(_signal, name if name.startswith("SIG") else f"SIG{name}", None)
        if name.startswith(("SIG_", "_")) or type(value) is not int:
            value = None
        elif sign:
            is_relative = name.removeprefix("SIG") in ("RTMIN", "RTMAX")
            if is_relative and offset.isascii() and offset.isdigit() and len(offset) < 3:
                value += int(sign + offset)
                if not _signal.SIGRTMIN <= value <= _signal.SIGRTMAX:
                    value = None
            else:
                value = None
    if type(value) is not int or value > _LAST:
        raise ValueError(f"unknown signal {text!r}")
    return value


def name(number: int) -> str:
    """A name for messages."""
    for candidate in dir(_signal):
        if candidate.startswith("SIG") and "_" not in candidate and getattr(_signal, candidate) == number:
            return candidate
    return f"signal {number}"


def ending(code: int) -> str:
    """Words for the end of a process; `code` is what posix.waitstatus_to_exitcode tells."""
    return f"was killed by {name(-code)}" if code < 0 else f"exited with status {code}"


def end_when_asked() -> None:
    """Exit upon a signal that asks for it, as PID 1, too: the kernel drops what that has no handler for.

    In C, since Python's handler of a signal that comes right before a wait is called after it. execve(2) takes the
    handlers away.
    """
    ignored.update(_raw.end_when_asked())


def hold() -> None:
    """Have the signals that ask to end wait: what is done must not be interrupted, or is done.

    It does not nest: the first `let_through` after it ends it, that of a `Delayed` in a function called meanwhile, too.
    """
    if not _blocked_before:
        _blocked_before.append(_signal.pthread_sigmask(_signal.SIG_BLOCK, ENDING))


def let_through() -> None:
    """The end of `hold`, in this process or in a child that was made meanwhile."""
    if _blocked_before:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, _blocked_before.pop())


class Delayed:
    """A context between `hold` and `let_through`, so that whoever undoes knows of the process made in it.

    What was held before it is let through at its end: `create` holds from before it makes the cgroup until `spawn` has
    made init. A child made in it leaves it by `let_through`, where it can bear an interrupt.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        hold()

    def __exit__(self, *_exception: object) -> None:
        let_through()


def reset() -> None:
    """All signals unblocked and with their default action, as a new program expects them.

    Python ignores SIGPIPE and SIGXFSZ, a caller may have blocked or ignored others, and both survive execve.
    """
    for signal in range(1, _LAST + 1):
        if _signal.getsignal(signal) not in (_signal.SIG_DFL, None) and signal not in (KILL, _signal.SIGSTOP):
            _signal.signal(signal, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def restore() -> None:
    """Each signal as the caller of the runtime had it: ignored ones stay ignored, and blocked ones blocked.

    Python's own doing is undone: its handlers, and that SIGPIPE and SIGXFSZ are ignored.
    """
    for signal in ignored:
        _signal.signal(signal, _signal.SIG_IGN)
    for signal in range(1, _LAST + 1):
        handler = _signal.getsignal(signal)
        if handler in (_signal.SIG_DFL, None) or (handler == _signal.SIG_IGN and signal not in BY_PYTHON):
            continue
        _signal.signal(signal, _signal.SIG_DFL)


def _split(text: str) -> tuple[str, str, str]:
    for sign in "+-":
        name, separator, offset = text.partition(sign)
        if separator:
            return name, separator, offset
    return text, "", ""
