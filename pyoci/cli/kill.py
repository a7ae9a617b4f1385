"""Send a signal to a container's init; TERM unless SIGNAL names another one (`KILL`, `SIGKILL`, `9`, `RTMIN+1`)."""

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
    Option(name="regex", short="r", help="ID is a regular expression: signal every container whose ID it matches"),
    # The OCI command line interface has the option, runc and the engines the argument.
    Option(name="signal", short="s", value="SIGNAL", help="same as the argument SIGNAL"),
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
        from pyoci.cli import mistakes

        raise UsageError(f"kill: {error}{mistakes.signal(words[0], call.args[0])}") from None
    store = Store(call.settings.root)

    def kill_one(name: str) -> None:
        with store.open(name) as entry:
            kill.kill(entry, signal, call.options["all"])

    if not call.options["regex"]:
        kill_one(call.args[0])
        return 0
    return options.for_each(options.matching(store, call.args[0]), kill_one)
