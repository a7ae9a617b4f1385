"""Rows on a terminal, again and again, until a person ends it."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pyoci.top.model import Row
from pyoci.top.plain import HEADS, cells, fitting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_STATUS_STYLES = {"running": "green", "paused": "yellow", "stopped": "dim"}
_NUMBERS = frozenset(HEADS) - {"ID", "STATUS", "PRESSURE"}
_FULL, _BUSY = 0.9, 0.7


def show(rows: Callable[[], list[Row]], interval: float, console: Console | None = None) -> None:
    """Fill the terminal with what `rows` gives, every `interval` seconds, until KeyboardInterrupt."""
    console = console or Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(table(rows(), interval, console.width), refresh=True)
            time.sleep(interval)


def table(rows: list[Row], interval: float, width: int) -> Table:
    """The rows in `width` columns, with colors: what is close to its limit stands out."""
    screen = Table(
        title=f"{len(rows)} container{'' if len(rows) == 1 else 's'}, every {interval:g} s, Ctrl-C to end",
        title_style="dim",
        title_justify="left",
        box=None,
        header_style="bold",
        expand=True,
    )
    shown = fitting(rows, width)
    for head in shown:
        screen.add_column(head, justify="right" if head in _NUMBERS else "left", no_wrap=head != "ID", overflow="fold")
    for row in rows:
        texts = dict(zip(HEADS, cells(row), strict=True))
        screen.add_row(*(Text(texts[head], style=_style(row, head)) for head in shown))
    return screen


def _style(row: Row, head: str) -> str:
    if head == "STATUS":
        return _STATUS_STYLES.get(row.status, "")
    if head == "MEMORY" and row.memory is not None and row.memory_limit:
        return _level(row.memory / row.memory_limit)
    if head == "PIDS" and row.pids is not None and row.pids_limit:
        return _level(row.pids / row.pids_limit)
    if head == "THROTTLED" and row.throttled is not None:
        return _level(row.throttled)
    return "red" if head == "OOM" and row.oom_kills else ""


def _level(share: float) -> str:
    return "red" if share >= _FULL else "yellow" if share >= _BUSY else ""
