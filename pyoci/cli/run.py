"""Create a container from a bundle, start it, and stay until its program ends; then delete it.

The exit status is the program's, or 128 and the number of the signal that ended it. With --detach it returns once the
program runs, and the container stays until `pyoci delete ID`.
"""

from __future__ import annotations

from pyoci.cli import create
from pyoci.cli.options import Call, Option
from pyoci.host import run as host

USAGE = "[options] ID"
OPTIONS = (
    *create.OF_A_NEW_ONE,
    Option(name="detach", short="d", help="return once the program runs"),
    Option(name="keep", help="do not delete the container when its program exits"),
    Option(name="no-subreaper", help="do not reap orphans of the container's processes"),
)


def run(call: Call) -> int:
    detach = call.options["detach"]
    return host.run(
        create.options_of(call, detach),
        keep=call.options["keep"],
        subreaper=not call.options["no-subreaper"],
    )
