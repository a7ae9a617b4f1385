"""Rows as text: cells for a terminal, and the whole table for a pipe. Pure."""

from __future__ import annotations

from pyoci.top import model
from pyoci.top.model import Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HEADS = ("ID", "STATUS", "UP", "CPU%", "THROTTLED", "MEMORY", "LIMIT", "PIDS", "READ/S", "WRITE/S", "PRESSURE", "OOM")
_LEAST_FIRST = ("PRESSURE", "WRITE/S", "READ/S", "THROTTLED", "LIMIT", "UP", "OOM", "PIDS")
_FOLDED_ID = 12  # columns; a longer ID goes on in the next line before a column is left out
_NONE = "-"


def cells(row: Row) -> tuple[str, ...]:
    """One text for each of HEADS."""
    return (
        row.id,
        row.status,
        duration(row.uptime),
        _NONE if row.cpu is None else f"{row.cpu * 100:.1f}",
        _NONE if row.throttled is None else f"{row.throttled * 100:.0f}%",
        size(row.memory),
        size(row.memory_limit),
        _pids(row),
        size(row.read),
        size(row.written),
        " ".join(f"{name} {value:.0f}" for name, value in row.pressure.items() if value >= 0.5) or _NONE,
        _NONE if row.oom_kills is None else str(row.oom_kills),
    )


def fitting(rows: list[Row], width: int) -> tuple[str, ...]:
    """Those of HEADS that `width` columns have room for, with one between them: what matters least is left out."""
    lines = [HEADS, *(cells(row) for row in rows)]
    widths = {head: max(len(line[column]) for line in lines) + 1 for column, head in enumerate(HEADS)}
    widths["ID"] = min(widths["ID"], _FOLDED_ID + 1)
    for head in _LEAST_FIRST:
        if sum(widths.values()) <= width:
            break
        del widths[head]
    return tuple(widths)


def table(rows: list[Row]) -> str:
    """Aligned columns."""
    lines = [HEADS, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
    return "".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def statistics(data: dict[str, Any]) -> str:
    """The `data` of `events --stats` for a person: a line for each thing that is counted."""
    now = model.sample("", "", 0.0, data)
    usage = (data.get("cpu") or {}).get("usage") or {}
    lines = []
    if now.cpu is not None:
        parts = f"user {_seconds(usage.get('user'))}, kernel {_seconds(usage.get('kernel'))}"
        lines.append(("cpu", f"{_seconds(now.cpu)} ({parts})"))
    if now.periods:
        lines.append(("throttled", f"in {now.throttled} of {now.periods} periods"))
    if now.memory is not None:
        limit = f" of {size(now.memory_limit)}" if now.memory_limit is not None else ", no limit"
        lines.append(("memory", size(now.memory) + limit))
    if now.pids is not None:
        lines.append(("processes", f"{now.pids} of {now.pids_limit}" if now.pids_limit else f"{now.pids}, no limit"))
    if now.read is not None:
        lines.append(("disk", f"{size(now.read)} read, {size(now.written)} written"))
    lines += [(f"{name} pressure", f"{value:.1f} % of the last ten seconds") for name, value in now.pressure.items()]
    width = max((len(name) for name, _ in lines), default=0)
    return "".join(f"{name:<{width}}  {text}\n" for name, text in lines) or "nothing is counted\n"


def _seconds(nanoseconds: int | None) -> str:
    return f"{(nanoseconds or 0) / 1e9:.3f} s"


def size(count: float | None) -> str:
    """Bytes, in the largest unit that leaves a number above one: 64.0M."""
    if count is None:
        return _NONE
    for power, unit in ((40, "T"), (30, "G"), (20, "M"), (10, "K")):
        if count >= 1 << power:
            return f"{count / (1 << power):.1f}{unit}"
    return f"{count:.0f}"


def duration(seconds: float | None) -> str:
    """The two largest units: 3d4h, 2h5m, 7m1s, 12s."""
    if seconds is None:
        return _NONE
    whole = int(seconds)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d{hour}h"
    if hours:
        return f"{hours}h{minute}m"
    return f"{minutes}m{second}s" if minutes else f"{second}s"


def _pids(row: Row) -> str:
    if row.pids is None:
        return _NONE
    return f"{row.pids}/{row.pids_limit}" if row.pids_limit else str(row.pids)
