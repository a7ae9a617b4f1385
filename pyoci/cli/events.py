"""Show statistics every few seconds and each out-of-memory event, one JSON object a line, until the container stops."""

from __future__ import annotations

import posix

from pyoci import jsontext
from pyoci.cli import options, output
from pyoci.cli.options import Call, Option
from pyoci.errors import UsageError
from pyoci.host import events
from pyoci.state.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "[options] ID"
OPTIONS = (
    Option(name="interval", value="DURATION", default="5s", help="time between statistics: 500ms, 5s, 1m30s"),
    Option(name="stats", help="show the statistics of this moment and exit"),
    options.table_or_json("of --stats: table or json (default: table on a terminal)", default=None),
)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 100_000  # hours; time.sleep counts nanoseconds in 64 bits


def run(call: Call) -> int:
    options.expect_args(call, 1, 1, "one container id")
    interval = duration(call.options["interval"])
    with Store(call.settings.root).open(call.args[0]) as entry:
        if call.options["stats"]:
            _show(events.stats(entry), call.options["format"])
        else:
            events.follow(entry, interval, _emit)
    return 0


def _show(event: dict[str, Any], chosen: str | None) -> None:
    if (chosen or ("table" if posix.isatty(1) else "json")) == "json":
        _emit(event)
        return
    from pyoci.top import plain

    output.write(plain.statistics(event["data"]))


def duration(text: str) -> float:
    """Seconds of a duration as Go writes it: `1m30s`, `0.5s`. Raises UsageError."""
    total, rest = 0.0, text
    while rest:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(digits) :]
        unit = rest[: len(rest) - len(rest.lstrip("nuµmsh"))]
        rest = rest[len(unit) :]
        if unit not in _SECONDS or digits.count(".") > 1 or digits in ("", "."):
            raise UsageError(f"option --interval: {text!r} is not a duration such as 500ms, 5s or 1m30s")
        total += float(digits) * _SECONDS[unit]
    if not text:
        raise UsageError("option --interval: '' is not a duration such as 500ms, 5s or 1m30s")
    if total > _LONGEST * 3600:
        raise UsageError(f"option --interval: {text[:40]!r} must be at most {_LONGEST}h")
    if total <= 0:
        raise UsageError(f"option --interval: {text!r} must be greater than zero")
    return total


def _emit(event: dict[str, Any]) -> None:
    output.write(jsontext.dumps(event) + "\n")
