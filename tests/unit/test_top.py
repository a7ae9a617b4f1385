"""`top`: two samples make a row, rows make a table, and a terminal sees in color what is close to its limit."""

from __future__ import annotations

import io
from typing import Any

import pytest
from helpers.command_line import pyoci

from pyoci.top import model, plain
from pyoci.top.model import Row, Sample

STATS: dict[str, Any] = {
    "cpu": {
        "usage": {"total": 5_000, "kernel": 1, "user": 2},
        "throttling": {"periods": 10, "throttledPeriods": 4},
        "psi": {"some": {"avg10": 1.5}, "full": {"avg10": 9.0}},
    },
    "memory": {"usage": {"usage": 100, "limit": 1000}, "psi": {"some": {"avg10": 0.0}}},
    "pids": {"current": 3, "limit": 7},
    "blkio": {
        "ioServiceBytesRecursive": [
            {"op": "Read", "value": 1},
            {"op": "read", "value": 2},
            {"op": "Write", "value": 4},
            {"op": "Total", "value": 99},
            {"op": "Read"},  # a number that is 0 is left out, as are the words of a line that has none
            {"value": 7},
        ]
    },
}


def taken(**fields: Any) -> Sample:
    known: dict[str, Any] = {"id": "x", "status": "running", "time": 0.0, "pressure": {}}
    return Sample(**known | fields)


def shown(**fields: Any) -> Row:
    known: dict[str, Any] = {"id": "x", "status": "running", "pressure": {}}
    return Row(**known | fields)


def test_sample_of_statistics() -> None:
    assert model.sample("x", "paused", 3.0, STATS) == taken(
        status="paused",
        time=3.0,
        cpu=5_000,
        periods=10,
        throttled=4,
        memory=100,
        memory_limit=1000,
        pids=3,
        pids_limit=7,
        read=3,
        written=4,
        pressure={"cpu": 1.5, "memory": 0.0},
    )


def test_sample_without_controllers() -> None:
    made = model.sample("x", "running", 0.0, {"cpu": {}, "memory": None, "pids": {}, "blkio": {}})
    assert (made.cpu, made.memory, made.memory_limit, made.pids, made.read) == (None, None, None, None, None)


@pytest.mark.parametrize("limit", [(1 << 64) - 1, 9223372036854771712])
def test_no_limit_is_none(limit: int) -> None:
    assert model.sample("x", "running", 0.0, {"memory": {"usage": {"usage": 1, "limit": limit}}}).memory_limit is None


def test_rates_come_from_two_samples() -> None:
    before = taken(time=10.0, cpu=1_000_000_000, periods=10, throttled=2, read=100, written=0)
    now = taken(time=12.0, cpu=4_000_000_000, periods=30, throttled=7, read=300, written=0, memory=5, oom_kills=1)
    row = model.row(before, now)
    assert (row.cpu, row.throttled, row.read, row.written) == (1.5, 0.25, 100.0, 0.0)
    assert (row.memory, row.oom_kills) == (5, 1)


@pytest.mark.parametrize(
    "before",
    [
        None,
        taken(),
        taken(time=5.0, cpu=1, periods=1, throttled=0, read=0, written=0),
        taken(cpu=99, periods=99, throttled=0, read=99, written=99),
    ],
)
def test_no_rate_without_time_or_for_another_container(before: Sample | None) -> None:
    row = model.row(before, taken(time=5.0, cpu=5, periods=5, throttled=1, read=5, written=5))
    assert (row.cpu, row.read, row.written) == (None, None, None)
    assert before is None or before.periods == 99 or row.throttled in (None, 0.25)


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "-"), (0, "0"), (1023, "1023"), (1024, "1.0K"), (64 << 20, "64.0M"), (3 << 30, "3.0G"), (1 << 40, "1.0T")],
)
def test_size(count: float | None, text: str) -> None:
    assert plain.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.9, "0s"), (59, "59s"), (60, "1m0s"), (3599, "59m59s"), (7500, "2h5m"), (86400 * 3 + 3600, "3d1h")],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert plain.duration(seconds) == text


def test_table() -> None:
    full = shown(
        uptime=61,
        cpu=1.234,
        throttled=0.5,
        memory=64 << 20,
        memory_limit=128 << 20,
        pids=3,
        pids_limit=10,
        read=2048.0,
        written=0.0,
        pressure={"cpu": 12.4, "io": 0.2},
        oom_kills=1,
    )
    assert plain.table([full, shown(id="stopped-one", status="stopped", pids=2)]).splitlines() == [
        "ID           STATUS   UP    CPU%   THROTTLED  MEMORY  LIMIT   PIDS  READ/S  WRITE/S  PRESSURE  OOM",
        "x            running  1m1s  123.4  50%        64.0M   128.0M  3/10  2.0K    0        cpu 12    1",
        "stopped-one  stopped  -     -      -          -       -       2     -       -        -         -",
    ]


def test_statistics_for_a_person() -> None:
    data = {**STATS, "cpu": {**STATS["cpu"], "usage": {"total": 1_500_000_000, "user": 1_000_000_000}}}
    assert plain.statistics(data).splitlines() == [
        "cpu              1.500 s (user 1.000 s, kernel 0.000 s)",
        "throttled        in 4 of 10 periods",
        "memory           100 of 1000",
        "processes        3 of 7",
        "disk             3 read, 4 written",
        "cpu pressure     1.5 % of the last ten seconds",
        "memory pressure  0.0 % of the last ten seconds",
    ]
    unlimited = {"memory": {"usage": {"usage": 2048, "limit": (1 << 64) - 1}}, "pids": {"current": 1}}
    assert plain.statistics(unlimited) == "memory     2.0K, no limit\nprocesses  1, no limit\n"
    assert plain.statistics({}) == "nothing is counted\n"


STYLES = {
    "running": (shown(), "STATUS", "green"),
    "paused": (shown(status="paused"), "STATUS", "yellow"),
    "memory": (shown(memory=50, memory_limit=100), "MEMORY", ""),
    "much memory": (shown(memory=70, memory_limit=100), "MEMORY", "yellow"),
    "no memory left": (shown(memory=90, memory_limit=100), "MEMORY", "red"),
    "no limit": (shown(memory=90), "MEMORY", ""),
    "processes": (shown(pids=9, pids_limit=10), "PIDS", "red"),
    "throttled": (shown(throttled=0.8), "THROTTLED", "yellow"),
    "killed": (shown(oom_kills=1), "OOM", "red"),
    "not killed": (shown(oom_kills=0), "OOM", ""),
    "another column": (shown(oom_kills=1), "ID", ""),
}


@pytest.mark.parametrize("name", STYLES)
def test_style(name: str) -> None:
    pytest.importorskip("rich")
    from pyoci.top import screen

    row, head, style = STYLES[name]
    assert screen._style(row, head) == style


def test_screen_is_shown_until_it_is_interrupted() -> None:
    pytest.importorskip("rich")
    from rich.console import Console

    from pyoci.top import screen

    seen: list[int] = []

    def rows() -> list[Row]:
        seen.append(len(seen))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return [shown(id=f"container-{len(seen)}", pressure={})]

    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, height=20)
    with pytest.raises(KeyboardInterrupt):
        screen.show(rows, 0.01, console)
    assert "container-1" in out.getvalue()
    assert "container-2" in out.getvalue()
    assert "1 container, every 0.01 s" in out.getvalue()
    assert out.getvalue().endswith("\x1b[?25h\x1b[?1049l")  # the cursor is there again, and the other screen gone


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (140, plain.HEADS),
        (80, tuple(head for head in plain.HEADS if head != "PRESSURE")),
        (40, ("ID", "STATUS", "CPU%", "MEMORY", "PIDS")),
        (20, ("ID", "STATUS", "CPU%", "MEMORY")),
    ],
)
def test_narrow_terminal_has_the_columns_that_matter_most(width: int, heads: tuple[str, ...]) -> None:
    pytest.importorskip("rich")
    from rich.console import Console

    from pyoci.top import screen

    row = shown(id="a-container-of-an-engine-" + "0123456789" * 4, memory=64 << 20, cpu=1.0, pids=3, pressure={})
    assert plain.fitting([row], width) == heads
    out = io.StringIO()
    Console(file=out, width=width).print(screen.table([row], 1, width))
    lines = out.getvalue().splitlines()
    assert max(len(line) for line in lines) <= width
    if width >= 40:
        assert row.id in "".join(line.split()[0] for line in lines[2:])
        assert {"running", "100.0", "64.0M"} <= set(out.getvalue().split())


@pytest.mark.parametrize("words", [["--interval", "x"], ["--interval", "0s"], ["no-such"], ["../x"]])
def test_bad_command_line(words: list[str]) -> None:
    result = pyoci("--root", "/no/such/root", "top", *words)
    assert result.returncode == 1
    assert result.stderr.startswith("pyoci: ")
