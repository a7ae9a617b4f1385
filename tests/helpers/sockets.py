"""Listeners that hold up whoever connects to them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def full_listener(path: str) -> Iterator[socket.socket]:
    """At `path`, with as many connections waiting as it takes: connect(2) waits for room."""
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind(path)
        listener.listen(0)
        waiting.connect(path)
        yield listener
