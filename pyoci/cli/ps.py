"""List the processes of a container: as ps(1) shows them (with its options, -ef unless given), or as JSON."""

from __future__ import annotations

from pyoci import jsontext
from pyoci.cli import options, output
from pyoci.cli.options import Call
from pyoci.host import ps
from pyoci.state.store import Store

USAGE = "[options] ID [PS OPTIONS]"
OPTIONS = (options.table_or_json("table, or json: a list of process IDs"),)
STOP_AT = 1


def run(call: Call) -> int:
    options.expect_args(call, 1, None, "a container id")
    container_id, *ps_options = call.args
    with Store(call.settings.root).open(container_id) as entry:
        pids = ps.pids(entry)
    if call.options["format"] == "json":
        output.write(jsontext.dumps(pids) + "\n")
    else:
        output.write(ps.table(pids, ps_options or ["-ef"]))
    return 0
