"""Make a container or a process in one and tell how it ended: what pyoci.library calls, and nobody else."""

from __future__ import annotations

import posix

from pyoci.cli import create, options
from pyoci.cli import exec as executing
from pyoci.cli.options import Call, Option
from pyoci.errors import PyociError, SyscallError, UsageError
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
        raise UsageError(f"supervise takes create, run or exec, found {command!r}")
    report = host.Report(_descriptor(call, "report"), _size(call.options["size"]))
    caller = _descriptor(call, "caller") if call.options["caller"] else -1
    if command == "create" and not host.detach():
        return 0
    bundle = ""
    try:
        parsed = options.parse(words, _TABLES[command], executing.STOP_AT if command == "exec" else None)
        inner = Call(command=command, options=parsed.options, args=parsed.args + parsed.rest, settings=call.settings)
        if command == "exec":
            with Store(call.settings.root).open(inner.args[0] if inner.args else "") as entry:
                host.execute(entry, executing.options_of(inner), report, caller)
            return 0
        if call.options["config"]:
            id_ = inner.args[0] if inner.args else ""
            bundle = host.make_bundle(call.settings.root, id_, _descriptor(call, "config"))
            inner.options["bundle"] = bundle
        # not detached: the terminal goes to the caller, and without a console socket
        wanted = create.options_of(inner, detach=False)
        (host.create if command == "create" else host.run)(wanted, report, caller)
    except PyociError as error:
        report.failed(error)
        return 1
    except OSError as error:
        report.failed(SyscallError(error.errno or 0, command))
        return 1
    except Exception as error:  # noqa: BLE001  # the last fence, as in cli.main; standard error is the program's
        report.failed(PyociError(f"internal error: {type(error).__name__}: {error}"))
        return 1
    finally:
        if bundle:
            host.remove_bundle(bundle)
    return 0


def _descriptor(call: Call, name: str) -> int:
    fd = options.number(f"--{name}", call.options[name], 3, 1 << 20)
    posix.set_inheritable(fd, False)
    return fd


def _size(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    rows, _, columns = text.partition("x")
    return options.number("--size", rows, 0, 0xFFFF), options.number("--size", columns, 0, 0xFFFF)
