"""pyoci run: create, start, and unless --detach stay until the container ends."""

from __future__ import annotations

from pyoci.cli import create
from pyoci.cli.options import Call, Option
from pyoci.host import run as host

USAGE = "[options] ID"
OPTIONS = (
    *create.OPTIONS,
    Option(name="detach", short="d", help="return once the program runs"),
    Option(name="keep", help="do not delete the container when its program exits"),
    Option(name="no-subreaper", help="do not reap what the container's processes leave behind"),
)


def run(call: Call) -> int:
    detach = call.options["detach"]
    return host.run(
        create.options_of(call, detach),
        keep=call.options["keep"],
        subreaper=not call.options["no-subreaper"],
    )
