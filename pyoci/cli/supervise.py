"""Make a container or a process in one and report how it ended: what pyoci.library calls, and nobody else."""

from __future__ import annotations

import posix

from pyoci import log
from pyoci.cli import create, options
from pyoci.cli import exec as executing
from pyoci.cli.options import Call, Option
from pyoci.errors import Interrupted, PyociError, SyscallError, UsageError, unexpected
from pyoci.host import config_bundle
from pyoci.host import supervise as host
from pyoci.state.store import Store

USAGE = "[options] create|run|exec [OPTIONS AND ARGUMENTS OF THAT COMMAND]"
OPTIONS = (
    Option(name="report", value="FD", default="", help="the socket to tell on"),
    Option(name="caller", value="FD", default="", help="a pidfd: what was made ends with that process"),
    Option(name="size", value="ROWSxCOLUMNS", default="", help="of the terminal"),
    Option(name="config", value="FD", default="", help="a config.json, instead of a bundle"),
)
STOP_AT = 1

_TABLES = {"create": create.OPTIONS, "run": create.OPTIONS, "exec": executing.OPTIONS}


def run(call: Call) -> int:
    command, *words = call.args or [""]
    if command not in _TABLES:
        raise UsageError(f"supervise takes create, run or exec, not {command!r}")
    report = host.Report(_descriptor(call, "report"), _size(call.options["size"]))
    log.send_to(report.warn)
    caller = _descriptor(call, "caller") if call.options["caller"] else -1
    if command == "create" and not host.detach():
        return 0
    failure: PyociError
    try:
        _supervise(command, words, call, report, caller)
        return 0
    except PyociError as error:
        failure = error
    except Interrupted as error:
        failure = PyociError(str(error))
    except OSError as error:
        failure = SyscallError(error.errno or 0, command)
    except Exception as error:  # noqa: BLE001  # the last fence, as in cli.main; standard error is the program's
        failure = PyociError(unexpected(error))
    report.failed(failure)
    return 1


def _supervise(command: str, words: list[str], call: Call, report: host.Report, caller: int) -> None:
    parsed = options.parse(words, _TABLES[command], executing.STOP_AT if command == "exec" else None)
    inner = Call(command=command, options=parsed.options, args=parsed.args + parsed.rest, settings=call.settings)
    if command == "exec":
        exec_options = executing.options_of(inner)
        with Store(call.settings.root).open(inner.args[0]) as entry:
            host.execute(entry, exec_options, report, caller)
        return
    act = host.create if command == "create" else host.run
    # not detached: the terminal goes to the caller, and without a console socket
    if not call.options["config"]:
        act(create.options_of(inner, detach=False), report, caller)
        return
    name = inner.args[0] if inner.args else ""
    bundle = config_bundle.ConfigBundle(call.settings.root, name, _descriptor(call, "config"))
    inner.options["bundle"] = bundle.path
    try:
        act(create.options_of(inner, detach=False), report, caller)
    finally:
        bundle.remove()


def _descriptor(call: Call, name: str) -> int:
    fd = options.number(f"--{name}", call.options[name], 3, 1 << 20)
    posix.set_inheritable(fd, False)
    return fd


def _size(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    rows, _, columns = text.partition("x")
    return options.number("--size", rows, 0, 0xFFFF), options.number("--size", columns, 0, 0xFFFF)
