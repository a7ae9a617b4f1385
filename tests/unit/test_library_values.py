"""What people write for a size, a user, a command line."""

from __future__ import annotations

import os
import time

import pytest

from pyoci.errors import ConfigError
from pyoci.library import values, waiting
from pyoci.library.outcome import Timeout
from pyoci.library.waiting import Deadline, until_readable


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (1, 1), (-1, -1), (67108864, 64 << 20), ("64M", 64 << 20), ("64m", 64 << 20), ("1.5G", 3 << 29),
        ("512", 512), ("512 KiB", 512 << 10), ("1 GB", 1 << 30), ("2t", 2 << 40), (".5k", 512),
    ],
)  # fmt: skip
def test_sizes(text: int | str, number: int) -> None:
    assert values.size(text, "memory") == number


@pytest.mark.parametrize(
    "text", ["", "M", "64X", "1.2.3M", "-2", -2, 0, "0", "0.0001", 1 << 63, "9" * 30, "64 M M", "0x10", ".", "\u0664M"]
)
def test_no_sizes(text: int | str) -> None:
    with pytest.raises(ConfigError, match="memory: must be"):
        values.size(text, "memory")


def test_a_size_that_must_be_there() -> None:
    """tmpfs(5) takes 0 for no limit, and the kernel no -1."""
    for size in (-1, 0):
        with pytest.raises(ConfigError, match=r"size: must be a number of bytes from 1 to below 2\^63, not"):
            values.size(size, "size", unlimited=False)


@pytest.mark.parametrize("value", [None, True, 1.5, b"64M", ["64M"]])
def test_other_types_are_no_sizes(value: object) -> None:
    with pytest.raises(TypeError, match="memory: takes"):
        values.size(value, "memory")  # type: ignore[arg-type]


@pytest.mark.parametrize(("cpus", "quota"), [(0.5, 50_000), (1, 100_000), (2.25, 225_000), (0.01, 1000)])
def test_cpus(cpus: float, quota: int) -> None:
    assert values.cpu_quota(cpus) == quota


@pytest.mark.parametrize("cpus", [0, -1, 0.001, float("nan"), float("inf")])
def test_no_cpus(cpus: float) -> None:
    with pytest.raises(ConfigError, match=r"cpus: must be a number of CPUs from 0\.01"):
        values.cpu_quota(cpus)


@pytest.mark.parametrize(
    ("user", "numbers"), [(0, (0, 0)), (1000, (1000, 1000)), ((1, 2), (1, 2)), ("7", (7, 7)), ("7:8", (7, 8))]
)
def test_users(user: int | str | tuple[int, int], numbers: tuple[int, int]) -> None:
    assert values.user(user) == numbers


@pytest.mark.parametrize("user", ["", "alice", "0:", ":0", "1:2:3", "-1", -1, 1 << 32, (0, -1), "9" * 11, "\u0661"])
def test_no_users(user: int | str | tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="user: must be"):
        values.user(user)


@pytest.mark.parametrize("args", ["ls -l", b"ls", [b"ls"], [1]])
def test_a_command_line_is_a_list_of_words(args: object) -> None:
    with pytest.raises(TypeError, match="args: takes"):
        values.arguments(args)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [1e7, 1e12, float("inf")])
def test_a_wait_may_be_longer_than_poll_can_be_told(seconds: float) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x")
    try:
        until_readable(reader, Deadline(seconds), "nothing has come")
    finally:
        os.close(reader)
        os.close(writer)


def test_a_long_wait_is_several_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LONGEST_POLL", 0.01)
    reader, writer = os.pipe()
    began = time.monotonic()
    try:
        with pytest.raises(Timeout, match=r"nothing has come within 0\.1 s"):
            until_readable(reader, Deadline(0.1), "nothing has come")
        assert time.monotonic() - began >= 0.1
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("size", ["24x80", 24, (24,), (24, "80"), (24.0, 80), True])
def test_a_terminal_has_rows_and_columns(size: object) -> None:
    with pytest.raises(TypeError, match=r"terminal: takes \(rows, columns\), not"):
        values.terminal_size(size, "terminal")


@pytest.mark.parametrize("size", [(-1, 80), (24, 65536)])
def test_a_terminal_has_no_such_size(size: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="terminal: must be rows and columns from 0 to 65535"):
        values.terminal_size(size, "terminal")


@pytest.mark.parametrize("words", ["--tty", b"--tty"])
def test_options_are_a_list_of_words(words: object) -> None:
    with pytest.raises(TypeError, match="options: takes a list of words"):
        values.options(words)  # type: ignore[arg-type]
