"""From the command line to an exit status: the global options, the command, its errors."""

from __future__ import annotations

import posix

from pyoci import log, phase
from pyoci.cli import options, output
from pyoci.cli.options import GLOBAL, Call, Settings
from pyoci.errors import SIGNS_OF_A_FILTER, Interrupted, PyociError, UsageError, unexpected

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Iterable
    from typing import Any

    from pyoci.cli.options import Command
else:
    import _signal

VERSION = "0.1.0"
SPEC_VERSION = "1.3.0"

USAGE = """usage: pyoci [global options] COMMAND [options] [arguments]

pyoci runs containers as the OCI runtime specification says.
"""

# One line of help each; the module of the same name is imported only when the command is called.
COMMANDS = {
    "create": "create a container from a bundle without starting its process",
    "start": "start the process of a created container",
    "run": "create and start a container",
    "state": "show the state of a container as JSON",
    "kill": "send a signal to a container",
    "delete": "delete a container that has stopped",
    "list": "list containers",
    "exec": "run another process in a container",
    "ps": "list the processes of a container",
    "pause": "freeze a container",
    "resume": "thaw a paused container",
    "update": "change the resource limits of a container",
    "mounts": "add mounts to a running container, or remove them",
    "checkpoint": "write a running container to files with criu",
    "restore": "restore a container from a checkpoint",
    "top": "show what containers use, live",
    "events": "show statistics and out-of-memory events",
    "spec": "write a config.json to start from",
    "validate": "check a bundle and explain what is wrong",
    "explain": "show what a bundle will do and what is unsafe in it",
    "try": "run a command in a throwaway container over this machine's root",
    "doctor": "show what this host can do for containers",
    "features": "show what this runtime can do, as JSON",
    "completion": "print a completion script for a shell",
    "help": "show help on a command or a topic",
}

# For pyoci.library, and not for people: neither help nor completion has it.
HIDDEN = ("supervise",)

INTERRUPTED = 130  # 128 + SIGINT, as shells count


def main(argv: list[str]) -> int:
    """Run the command line `argv` (without the program's name) and return the exit status.

    Whatever goes wrong becomes one line on standard error and in the log.
    """
    settings: Settings | None = None
    raised: BaseException
    try:
        _tidy()
        parsed = options.parse(argv, GLOBAL, stop_at=1)
        settings = _settings(parsed.options)
        log.setup(settings.log, settings.log_format, settings.debug, parsed.options["log-level"])
        if parsed.options["version"]:
            output.write(version())
            return 0
        if parsed.options["help"] or not parsed.args:
            output.show(overview())
            return 0
        if settings.trace is None:
            return _call(parsed.args[0], parsed.rest, settings)
        from pyoci.trace import Recording

        with Recording(settings.trace, parsed.args[0]):
            return _call(parsed.args[0], parsed.rest, settings)
    except PyociError as error:
        if settings is None:
            _find_log(argv)
        _look_for_a_filter(error)
        log.error(str(error), error)
        raised, status = error, error.exit_status
    except Interrupted as error:
        log.error(str(error))
        raised, status = error, error.exit_status
    except KeyboardInterrupt as error:
        log.error("interrupted")
        raised, status = error, INTERRUPTED
    except ImportError as error:
        log.error(_missing(error))
        raised, status = error, 1
    except Exception as error:  # noqa: BLE001  # the last fence: an engine must get its line
        failure = PyociError(f"{unexpected(error)}; --debug shows where")
        _look_for_a_filter(failure)
        log.error(str(failure))
        raised, status = error, 1
    if settings is not None and settings.debug:
        _show_traceback(raised)
    return status


def _look_for_a_filter(error: PyociError) -> None:
    """One around pyoci may have refused a call; which one, no message knows by itself."""
    text = str(error)
    if not any(sign in text for sign in SIGNS_OF_A_FILTER):
        return
    try:
        from pyoci.host import refused_calls

        refused_calls.lead(error)
    except Exception as trouble:  # noqa: BLE001  # whatever it is: the error itself is what counts
        log.debug(f"what a filter refuses is not known: {trouble!r}")


def _find_log(argv: list[str]) -> None:
    """The log of a command line that cannot be read, so that an engine finds the reason where it looks for it."""
    settings = {"log": "", "log-format": log.TEXT}
    for position, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name.lstrip("-") in settings and name.startswith("-"):
            settings[name.lstrip("-")] = value if equals else "".join(argv[position + 1 : position + 2])
    try:
        log.setup(settings["log"], settings["log-format"])
    except PyociError:
        pass  # that it cannot be opened is not what is wrong


def _missing(error: ImportError) -> str:
    from pyoci import build

    name = error.name or str(error)
    if build.IS_RELEASE or not build.STDLIB:
        return f"internal error: module {name} is missing; --debug shows where"
    return (
        f"Python's module {name} is not in {build.STDLIB}: the distribution has replaced or removed the Python that"
        " pyoci was built with; build pyoci again (pip install --force-reinstall), or install that Python again;"
        " state, start, kill and delete work without it"
    )


def version() -> str:
    """The text that --version prints; podman and docker read the first line."""
    about = what_is_inside()
    lines = [f"pyoci version {VERSION}", f"spec: {SPEC_VERSION}"]
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in about.items() if value)]) + "\n"


def what_is_inside() -> dict[str, str]:
    """Commit and versions of what this program is made of, and where the rest is."""
    import sys

    from pyoci import build

    python = ".".join(str(part) for part in sys.version_info[:3])
    return {
        "commit": build.COMMIT,
        "python": python,
        "standard library": "in the program" if build.IS_RELEASE else build.STDLIB,
        "libseccomp": _libseccomp_version(),
        "snapshot": "yes" if build.SNAPSHOT else "no",
    }


def _libseccomp_version() -> str:
    try:
        from pyoci.kernel import _seccomp
    except ImportError:
        return ""
    return ".".join(map(str, _seccomp.version()))


def default_root() -> str:
    """/run/pyoci, or the folder of the user's session for whoever is not the host's root."""
    session = posix.environ.get(b"XDG_RUNTIME_DIR", b"").decode("utf-8", "surrogateescape")
    if session and (posix.geteuid() != 0 or options.in_user_namespace()):
        return f"{session}/pyoci"
    return "/run/pyoci"


def _call(name: str, words: list[str], settings: Settings) -> int:
    phase("import the command")
    module = _load(name, words)
    parsed = options.parse(words, module.OPTIONS, getattr(module, "STOP_AT", None))
    if parsed.options.pop("help"):
        output.show(options.usage(name, module))
        return 0
    args = parsed.args + parsed.rest
    if settings.debug:
        _tell_calls(name)
    phase(name)
    return module.run(Call(command=name, options=parsed.options, args=args, settings=settings))


def _tell_calls(name: str) -> None:
    from pyoci.kernel import call_log

    log.debug(f"command: {name}")
    call_log.install(lambda words: log.debug(f"call: {words}"))


def _load(name: str, after: Iterable[str] = ()) -> Command:
    if name not in COMMANDS and name not in HIDDEN:
        from pyoci.cli import mistakes

        raise UsageError(f"unknown command {name!r}{mistakes.command(name, COMMANDS, after)}")
    full_name = f"pyoci.cli.{name}"
    try:
        # Not importlib.import_module: importing importlib costs more than the command.
        module: Command = getattr(__import__(full_name).cli, name)
    except ModuleNotFoundError as error:
        if error.name != full_name:
            raise
        raise UsageError(f"command {name!r} is not part of this version") from None
    return module


def overview() -> str:
    """The help text for all of it."""
    width = max(map(len, COMMANDS))
    lines = [USAGE, "commands:", *(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items())]
    lines += ["", "global options:", *options.table_lines(GLOBAL)]
    return "\n".join(lines) + "\n"


def _settings(values: dict[str, Any]) -> Settings:
    root = values["root"]
    if root == "":
        raise UsageError("option --root: the path is empty")
    return Settings(
        root=root or default_root(),
        root_is_given=root is not None,
        cgroup_manager=_cgroup_manager(values["cgroup-manager"], values["systemd-cgroup"]),
        rootless_mode=values["rootless"],
        log=values["log"],
        log_format=values["log-format"],
        debug=values["debug"] or values["log-level"] == "debug",
        trace=values["trace"],
        criu=values["criu"] or "",
    )


def _cgroup_manager(name: str | None, systemd: bool) -> str:
    if systemd and name not in (None, "systemd"):
        raise UsageError(f"options --systemd-cgroup and --cgroup-manager {name} exclude each other")
    return "systemd" if systemd else name or "cgroupfs"


def _tidy() -> None:
    """Undo what a caller may have left us: closed standard streams, children that nobody may wait for."""
    for fd in (0, 1, 2):
        try:
            posix.fstat(fd)
        except OSError:
            # Otherwise the state file or the log could become number 2 and receive error messages.
            posix.open("/dev/null", posix.O_RDWR)
            posix.set_inheritable(fd, True)
    # An ignored SIGCHLD survives execve and makes the kernel reap hooks: their exit status would be lost.
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)


def _show_traceback(error: BaseException) -> None:
    import traceback

    text = "".join(traceback.format_exception(error))
    try:
        posix.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # the reader of standard error is gone
