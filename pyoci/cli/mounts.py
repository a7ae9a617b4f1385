"""Add mounts to a running container, or remove them.

FILE has the mounts as JSON: an array of objects as in `mounts` of config.json, or an object with `mounts`; - is
standard input. Sources of bind mounts are the host's. `remove` uses only the destinations.
"""

from __future__ import annotations

from pyoci.cli import options
from pyoci.cli.options import Call
from pyoci.errors import PyociError, UsageError
from pyoci.host import mounts
from pyoci.state.store import Store

USAGE = "add|remove ID FILE"
OPTIONS = ()


def run(call: Call) -> int:
    if call.args and call.args[0] not in ("add", "remove"):
        raise UsageError(
            f"mounts: {call.args[0][:40]!r} must be add or remove; "
            "pyoci exec ID cat /proc/self/mountinfo lists the mounts of a container"
        )
    options.expect_args(call, 3, 3, "add or remove, a container id and a file")
    action, container_id, file = call.args
    with Store(call.settings.root).open(container_id) as entry:
        try:
            mounts.change(entry, action, file)
        except PyociError as error:
            from pyoci.host import advice

            advice.of_mounts(error)
            raise
    return 0
