"""A plugin of pytest: a test that has not ended after two minutes fails, and the others go on.

The runtime that counts lines is ten times slower than the program, and some tests wait for what it then does too late.
"""

from __future__ import annotations

import signal
from collections.abc import Generator

import pytest

SECONDS = 120


def _end(_number: int, _frame: object) -> None:
    raise TimeoutError(f"the test has not ended within {SECONDS} s")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    del item
    before = signal.signal(signal.SIGALRM, _end)
    signal.alarm(SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
