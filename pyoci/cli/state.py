"""Show the state of a container as JSON (runtime.md, State)."""

from __future__ import annotations

from pyoci import jsontext
from pyoci.cli import options, output
from pyoci.cli.options import Call
from pyoci.host.status import state_document
from pyoci.state.store import Store

USAGE = "ID"
OPTIONS = ()


def run(call: Call) -> int:
    options.expect_args(call, 1, 1, "one container id")
    with Store(call.settings.root).look(call.args[0]) as entry:
        document = state_document(entry)
    output.write(jsontext.pretty(document) + "\n")
    return 0
