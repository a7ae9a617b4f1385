"""Channel.wait_until: something else than a message is waited for as patiently as a message."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from pyoci.errors import ContainerError
from pyoci.wire import messages
from pyoci.wire.messages import Channel


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Channel]:
    import _socket

    monkeypatch.setattr(messages, "PATIENCE", 2)
    ends = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    yield Channel(ends[0])
    for end in ends:
        end.close()


def after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def test_waits_until_it_has_happened(channel: Channel) -> None:
    begin = time.monotonic()
    channel.wait_until(after(0.3))
    assert 0.3 <= time.monotonic() - begin < 1


def test_waits_for_long_where_nobody_says_that_it_is_in_vain(channel: Channel) -> None:
    answers = [""] * 9
    channel.watch(answers.pop)
    channel.wait_until(after(3.3))
    assert len(answers) <= 7


def test_a_reason_that_goes_away_counts_no_more(channel: Channel) -> None:
    reasons = iter(("frozen", "", "frozen", ""))
    channel.watch(lambda: next(reasons))
    channel.wait_until(after(4.4))
    assert list(reasons) in ([], [""])


def test_ends_when_the_other_side_cannot_go_on(channel: Channel) -> None:
    channel.watch(lambda: "it is frozen")
    with pytest.raises(ContainerError, match=r"^it is frozen$"):
        channel.wait_until(after(20))


def test_ends_when_the_other_side_is_gone(channel: Channel) -> None:
    channel.watch(lambda: None)
    with pytest.raises(ContainerError, match="container init"):
        channel.wait_until(after(20))
