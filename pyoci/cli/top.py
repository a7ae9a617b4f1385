"""Show what containers use, again and again until Ctrl-C: CPU, memory against its limit, processes, I/O, pressure.

Without an ID all containers below --root are shown; an engine's are below the engine's root (pyoci help states). In a
pipe, or with --once, the output is one plain table; with --json, one object a line.

CPU% counts one CPU as 100. THROTTLED is the share of periods in which the CPU quota held the container back, PRESSURE
the share of the last ten seconds in which something waited for CPU, memory or I/O (PSI), OOM the processes that were
killed for lack of memory."""

from __future__ import annotations

import time

from pyoci import jsontext
from pyoci.cli import duration, output
from pyoci.cli.options import Call, Option
from pyoci.errors import PyociError
from pyoci.record import to_builtins
from pyoci.top import plain
from pyoci.top.watch import Watch

USAGE = "[options] [ID ...]"
OPTIONS = (
    Option(name="interval", value="DURATION", default="1s", help="time between two samples: 500ms, 2s"),
    Option(name="once", help="one table, over one interval, and exit"),
    Option(name="json", help="one JSON object a line, every interval, described by schemas/top.json"),
)


def run(call: Call) -> int:
    interval = duration.seconds("interval", call.options["interval"])
    watch = Watch(call.settings.root, call.args)
    watch.check()
    once = call.options["once"]
    try:
        if call.options["json"]:
            _stream(watch, interval, once)
        elif once or not output.is_screen():
            watch.rows()
            time.sleep(interval)
            output.write(plain.table(watch.rows()))
        else:
            _show(watch, interval)
    except KeyboardInterrupt:
        pass  # the way to end it
    return 0


def _stream(watch: Watch, interval: float, once: bool) -> None:
    watch.rows()
    while True:
        time.sleep(interval)
        document = {"time": round(time.time(), 3), "containers": to_builtins(watch.rows())}
        output.write(jsontext.dumps(document) + "\n")
        if once:
            return


def _show(watch: Watch, interval: float) -> None:
    try:
        from pyoci.top import screen
    except ImportError:
        raise PyociError("top: rich is not installed: pip install rich, or use --once") from None
    watch.rows()
    screen.show(watch.rows, interval)
