"""Waiting for descriptors: until a deadline, and until somebody else wants no more of it."""

from __future__ import annotations

import select
import time

from pyoci.kernel import LONGEST_POLL
from pyoci.library import values
from pyoci.library.outcome import Timeout


class Cancelled(Exception):
    """Somebody else wants the wait to end: the descriptor for it became readable."""


class Deadline:
    """A number of seconds from now, on the clock of time.monotonic; None is for ever."""

    __slots__ = ("_at", "_seconds")

    def __init__(self, seconds: float | None) -> None:
        if seconds is not None:
            values.seconds(seconds, "timeout")
        self._seconds = seconds
        self._at = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Milliseconds, as poll(2) takes them: not below 0, at most LONGEST_POLL, None is for ever."""
        return None if self._at is None else min(LONGEST_POLL, max(0.0, self._at - time.monotonic())) * 1000

    def is_over(self) -> bool:
        return self.left() == 0.0

    def missed(self, what: str) -> Timeout:
        return Timeout(f"{what} within {self._seconds:g} s" if self._seconds else what)


def until_readable(fd: int, deadline: Deadline, what: str, cancel: int = -1) -> None:
    """Raises Timeout, whose words are `what` (something has not happened), and Cancelled once `cancel` is readable."""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    if cancel >= 0:
        poller.register(cancel, select.POLLIN)
    while not (ready := {descriptor for descriptor, _ in poller.poll(deadline.left())}):
        if deadline.is_over():
            raise deadline.missed(what)
    if cancel in ready:
        raise Cancelled
