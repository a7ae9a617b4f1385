"""Send a signal to a container's init; TERM unless another is named (`KILL`, `SIGKILL`, `9`, `RTMIN+1`)."""

from __future__ import annotations

from pyoci.cli import options
from pyoci.cli.options import Call, Option
from pyoci.errors import UsageError
from pyoci.host import kill
from pyoci.kernel import signals
from pyoci.state.store import Store

USAGE = "[options] ID [SIGNAL]"
OPTIONS = (
    Option(name="all", short="a", help="signal every process in the container's cgroup"),
    # The OCI command line interface has the option, runc and the engines the argument.
    Option(name="signal", short="s", value="SIGNAL", help="the same as the argument"),
)


def run(call: Call) -> int:
    options.expect_args(call, 1, 2, "a container id and at most one signal")
    words = call.args[1:]
    if call.options["signal"] is not None:
        words.append(call.options["signal"])
    if len(words) > 1:
        raise UsageError("kill: the signal is given twice")
    try:
        signal = signals.number((words[0] if words else "") or "TERM")
    except ValueError as error:
        raise UsageError(f"kill: {error}") from None
    with Store(call.settings.root).open(call.args[0]) as entry:
        kill.kill(entry, signal, call.options["all"])
    return 0
