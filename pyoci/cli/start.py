"""Run the process of a container that `create` made."""

from __future__ import annotations

from pyoci.cli import options
from pyoci.cli.options import Call
from pyoci.host import start
from pyoci.kernel import signals
from pyoci.state.store import Store

USAGE = "ID"
OPTIONS = ()


def run(call: Call) -> int:
    options.expect_args(call, 1, 1, "one container id")
    with Store(call.settings.root).open(call.args[0]) as entry:
        readiness = start.start(entry)
    if readiness is not None:
        signals.let_through()
        readiness.wait()
    return 0
