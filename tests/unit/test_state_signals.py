"""Signals as engines and people write them."""

from __future__ import annotations

import signal

import pytest

from pyoci.kernel import signals


@pytest.mark.parametrize("text", ["TERM", "SIGTERM", "sigterm", "Term", "15"])
def test_every_spelling_of_one(text: str) -> None:
    assert signals.number(text) == 15


@pytest.mark.parametrize("one", list(signal.Signals))
def test_all_names(one: signal.Signals) -> None:
    assert signals.number(one.name) == one
    assert signals.number(one.name.removeprefix("SIG")) == one


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("64", 64),
        ("RTMIN", signal.SIGRTMIN),
        ("SIGRTMIN+3", signal.SIGRTMIN + 3),
        ("rtmax-1", signal.SIGRTMAX - 1),
    ],
)
def test_numbers_and_real_time_signals(text: str, value: int) -> None:
    assert signals.number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "", "SIG", "BOGUS", "65", "-9", "9.0", "1e1", "9999999999", "TERM+1", "RTMIN+", "RTMIN+99", "RTMIN-1",
        "RTMAX+1", "RTMIN+-1", "SIG_DFL", "_DFL", "SIG_BLOCK", "SIGSIGTERM", "\u0669", " TERM", "__DOC__",
    ],
)  # fmt: skip
def test_others_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unknown signal"):
        signals.number(text)


def test_name() -> None:
    assert signals.name(9) == "SIGKILL"
    assert signals.name(40) == "signal 40"
