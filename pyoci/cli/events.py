"""Show statistics every few seconds and each out-of-memory event, one JSON object a line, until the container stops."""

from __future__ import annotations

import posix

from pyoci import jsontext
from pyoci.cli import duration, options, output
from pyoci.cli.options import Call, Option
from pyoci.host import events
from pyoci.state.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "[options] ID"
OPTIONS = (
    Option(name="interval", value="DURATION", default="5s", help="time between statistics: 500ms, 5s, 1m30s"),
    Option(name="stats", help="show the statistics of this moment and exit"),
    options.table_or_json("format of --stats: table or json (default: table on a terminal)", default=None),
)


def run(call: Call) -> int:
    options.expect_args(call, 1, 1, "one container id")
    interval = duration.seconds("interval", call.options["interval"])
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


def _emit(event: dict[str, Any]) -> None:
    output.write(jsontext.dumps(event) + "\n")
