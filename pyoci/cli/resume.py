"""Let the processes of a paused container go on."""

from __future__ import annotations

from pyoci.cli import options
from pyoci.cli.options import Call
from pyoci.host import pause
from pyoci.state.store import Store

USAGE = "ID"
OPTIONS = ()


def run(call: Call) -> int:
    options.expect_args(call, 1, 1, "one container id")
    with Store(call.settings.root).open(call.args[0]) as entry:
        pause.resume(entry)
    return 0
