"""Remove a stopped container: its state, its cgroup and everything else that `create` made."""

from __future__ import annotations

from pyoci.cli import options
from pyoci.cli.options import Call, Option
from pyoci.host import delete
from pyoci.state.store import Store

USAGE = "[options] ID"
OPTIONS = (
    Option(name="force", short="f", help="kill it first; clean up after a create that was interrupted"),
    Option(name="regex", short="r", help="ID is a regular expression: delete every container whose ID it matches"),
)


def run(call: Call) -> int:
    options.expect_args(call, 1, 1, "one container id")
    store = Store(call.settings.root)
    if not call.options["regex"]:
        delete.delete(store, call.args[0], call.options["force"])
        return 0
    return options.for_each(
        options.matching(store, call.args[0]), lambda name: delete.delete(store, name, call.options["force"])
    )
