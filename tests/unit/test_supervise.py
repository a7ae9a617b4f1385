"""How a supervisor reads the end of the process that it watches."""

from __future__ import annotations

import pytest

from pyoci.host import supervise


@pytest.mark.parametrize(
    ("wait_status", "code", "signal"), [(0, 0, None), (42 << 8, 42, None), (9, None, 9), (None, None, None)]
)
def test_an_end(wait_status: int | None, code: int | None, signal: int | None) -> None:
    """A status that somebody else has taken is not known: that is not status 0."""
    ended = supervise._exit(wait_status)
    assert (ended.code, ended.signal) == (code, signal)
