"""The command line as data: each command module declares its options, one parser reads them.

    USAGE = "[options] ID [SIGNAL]"
    OPTIONS = (Option(name="all", short="a", help="signal every process of the container"),)
    def run(call: Call) -> int: ...

An option is a flag unless `value` names what it takes. Options stand before or after the positional
arguments, as `--name value`, `--name=value`, `-x value`, `-x=value` or with a single dash (`-name`: Go's flag
package reads it, so engines may write it). `--` ends them. A module whose last argument is a foreign command
line sets `STOP_AT`: after that many positional arguments everything, options too, goes to `Call.args`.

Not argparse: it costs 11 ms of CPU to import, more than all of `pyoci state`.
"""

from __future__ import annotations

import posix

from pyoci import log
from pyoci.errors import ContainerNotFound, PyociError, UsageError
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from pyoci.state.store import Store

    class Command(Protocol):
        """A module of `pyoci.cli` that is a command; it may set `STOP_AT: int` too."""

        USAGE: str
        OPTIONS: tuple[Option, ...]

        def run(self, call: Call) -> int: ...


class Option(Record):
    """One option of a command.

    name      the long name, without dashes; also the key in `Call.options`
    short     one letter, or empty
    value     what it takes, for the help text (`DIR`); empty for a flag
    repeated  collected in a list instead of the last one winning
    choices   the only values allowed
    bare      the value that counts when the option stands alone; then a value that follows it after a space
              must be one of `choices`, since anything else is the next argument
    default   when the option is not given: False for a flag and [] for a repeated one unless set
    hidden    accepted, not shown in the help text
    """

    name: str
    short: str = ""
    value: str = ""
    repeated: bool = False
    choices: tuple[str, ...] = ()
    bare: str = ""
    default: Any = None
    help: str = ""
    hidden: bool = False


HELP = Option(name="help", short="h", help="show this text")
# of create, run, exec and restore: where the caller learns of the process
HAND_OVER = (
    Option(name="console-socket", value="SOCKET", default="", help="send the terminal's master to SOCKET"),
    Option(name="pidfd-socket", value="SOCKET", default="", help="send a pidfd of the process to SOCKET"),
    Option(name="pid-file", value="FILE", default="", help="write the process ID to FILE"),
)


def table_or_json(help: str = "table or json", default: str | None = "table") -> Option:
    """The option --format of the commands that print for a person or for a program."""
    return Option(name="format", short="f", value="FORMAT", choices=("table", "json"), default=default, help=help)


GLOBAL = (
    Option(name="root", value="DIR", help="keep the states of containers in DIR"),
    Option(name="log", value="FILE", help="also append messages to FILE (or file:FILE, syslog:NAME, journald:NAME)"),
    Option(
        name="log-level",
        value="LEVEL",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="log messages of LEVEL and above: debug, info, warning or error",
    ),
    Option(
        name="log-format",
        value="FORMAT",
        choices=("text", "json"),
        default="text",
        help="write the log as text or json",
    ),
    Option(name="debug", help="log each step; show tracebacks"),
    Option(
        name="cgroup-manager",
        value="NAME",
        choices=("cgroupfs", "systemd", "disabled"),
        help="make cgroups with cgroupfs (pyoci itself, the default) or systemd, or make none: disabled",
    ),
    Option(name="systemd-cgroup", help="same as --cgroup-manager systemd (cgroupsPath is SLICE:PREFIX:NAME)"),
    Option(
        name="rootless",
        value="MODE",
        choices=("true", "false", "auto"),
        bare="true",
        default="auto",
        help="run without root on the host: true, false or auto",
    ),
    Option(name="trace", value="FILE", help="write a timing trace to FILE"),
    Option(name="criu", value="PATH", help="run this criu for checkpoint and restore (default: criu in PATH)"),
    Option(name="version", short="v", help="show versions"),
)


class Settings(Record):
    """The global options, read."""

    root: str
    root_is_given: bool = False
    cgroup_manager: str = "cgroupfs"
    rootless_mode: str = "auto"
    log: str | None = None
    log_format: str = "text"
    debug: bool = False
    trace: str | None = None
    criu: str = ""

    @property
    def rootless(self) -> bool:
        """Whether to do without what only the host's root can do; `auto` looks at who we are."""
        if self.rootless_mode == "auto":
            return posix.geteuid() != 0 or in_user_namespace()
        return self.rootless_mode == "true"


class Call(Record):
    """One invocation of a command: what its `run` gets."""

    command: str
    options: dict[str, Any]
    args: list[str]
    settings: Settings


class Parsed(Record):
    """Options by their long names, positional arguments, and what lies behind the stop."""

    options: dict[str, Any]
    args: list[str]
    rest: list[str]


def parse(argv: list[str], table: tuple[Option, ...], stop_at: int | None = None) -> Parsed:
    """Read `argv` by `table`.

    With `stop_at`, reading ends once that many positional arguments are there; what follows is `rest`, with a
    leading `--` dropped. Raises UsageError.
    """
    table = (*table, HELP)
    values: dict[str, Any] = {option.name: _default(option) for option in table}
    args: list[str] = []
    position = 0
    while position < len(argv):
        if stop_at is not None and len(args) >= stop_at:
            break
        word = argv[position]
        position += 1
        if word == "--":
            if stop_at is None:
                args += argv[position:]
                position = len(argv)
            else:
                taken = argv[position : position + stop_at - len(args)]
                args += taken
                position += len(taken)
            break
        if len(word) < 2 or word[0] != "-":  # `-` alone is standard input, by custom
            args.append(word)
            continue
        option, value = _match(word, table)
        if value is None:
            position, value = _following(option, word, argv, position)
        _store(values, option, word, value)
    rest = argv[position:]
    if stop_at is not None and rest[:1] == ["--"]:
        del rest[0]
    return Parsed(options=values, args=args, rest=rest)


def number(name: str, text: str, lowest: int = 0, highest: int = 2**63 - 1) -> int:
    """`text` as a decimal integer within the bounds; UsageError names the option `name` otherwise."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise UsageError(f"option {name}: {text!r} is not an integer")
    value = int(text)
    if value < lowest and highest == 2**63 - 1:
        raise UsageError(f"option {name}: {text} must be at least {lowest}")
    if not lowest <= value <= highest:
        raise UsageError(f"option {name}: {text} is not between {lowest} and {highest}")
    return value


def expect_args(call: Call, least: int, most: int | None, what: str) -> None:
    """UsageError unless the number of positional arguments is within the bounds; `what` names them."""
    count = len(call.args)
    if count < least:
        raise UsageError(f"{call.command}: {what} required; see pyoci {call.command} --help")
    if most is not None and count > most:
        raise UsageError(f"{call.command}: {call.args[most]!r} is one argument too many; the command takes {what}")


def for_each(names: list[str], act: Callable[[str], None]) -> int:
    """Do it to each container; an error is reported, and the next one follows. Returns the exit status."""
    failed = 0
    for name in names:
        try:
            act(name)
        except ContainerNotFound:
            continue  # somebody else has deleted it since
        except PyociError as error:
            log.error(str(error), error)
            failed = 1
    return failed


def matching(store: Store, pattern: str) -> list[str]:
    """The IDs in which the regular expression is found somewhere, as crun has it; `^...$` for the whole.

    Raises UsageError for one that is empty or cannot be read.
    """
    import re  # only with --regex

    if not pattern:
        raise UsageError("option --regex: the regular expression is empty, it would match every container")
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"option --regex: {pattern!r} is not a regular expression: {error}") from None
    return [name for name in store.ids() if expression.search(name)]


def usage(name: str, module: Command) -> str:
    """The help text of one command."""
    lines = [f"usage: pyoci [global options] {name} {module.USAGE}".rstrip()]
    if module.__doc__:
        lines += ["", module.__doc__.strip()]
    lines += ["", "options:", *table_lines(module.OPTIONS)]
    return "\n".join(lines) + "\n"


def table_lines(table: tuple[Option, ...]) -> list[str]:
    """One line an option."""
    rows = []
    for option in (*table, HELP):
        if not option.hidden:
            names = f"--{option.name}" + (f", -{option.short}" if option.short else "")
            rows.append((f"{names} {option.value}".rstrip(), option.help))
    width = max(len(names) for names, _ in rows)
    return [f"  {names:<{width}}  {text}".rstrip() for names, text in rows]


def in_user_namespace() -> bool:
    """Whether this process is in a user namespace below the initial one: that one alone maps all ids."""
    try:
        fd = posix.open("/proc/self/uid_map", posix.O_RDONLY | posix.O_CLOEXEC)
    except FileNotFoundError:
        return False  # a kernel without user namespaces
    try:
        return posix.read(fd, 4096).split() != [b"0", b"0", b"4294967295"]
    finally:
        posix.close(fd)


def _default(option: Option) -> Any:
    if option.default is not None:
        return option.default
    if option.repeated:
        return []
    return None if option.value else False


def _match(word: str, table: tuple[Option, ...]) -> tuple[Option, str | None]:
    name, equals, value = word.partition("=")
    plain = name[2:] if name.startswith("--") else name[1:]
    for option in table:
        if plain == option.name or plain == option.short != "":
            return option, value if equals else None
    from pyoci.cli import mistakes

    raise UsageError(f"unknown option {name}{mistakes.option(name, table, GLOBAL)}")


def _following(option: Option, word: str, argv: list[str], position: int) -> tuple[int, str | None]:
    """The value of an option that came without `=`: where to read on, and the value (None for a flag)."""
    if not option.value:
        return position, None
    if option.bare:
        if position < len(argv) and _choice(option, argv[position]) in option.choices:
            return position + 1, argv[position]
        return position, option.bare
    if position == len(argv):
        raise UsageError(f"option {word} needs a value: {option.value}")
    return position + 1, argv[position]


def _store(values: dict[str, Any], option: Option, word: str, value: str | None) -> None:
    name = word.partition("=")[0]
    if not option.value:
        values[option.name] = value is None or _truth(name, value)
        return
    value = _choice(option, value)
    if option.choices and value not in option.choices:
        from pyoci.spec.words import did_you_mean

        hint = did_you_mean(value or "", option.choices)
        raise UsageError(f"option {name}: {value!r} is not one of {', '.join(option.choices)}{hint}")
    if option.repeated:
        values[option.name] = [*values[option.name], value]
    else:
        values[option.name] = value


# The words of Go's strconv.ParseBool: `--debug=false` and `--rootless=TRUE` are what a Go program may pass.
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


def _choice(option: Option, value: str | None) -> str | None:
    if "true" in option.choices:
        return "true" if value in _TRUE else "false" if value in _FALSE else value
    return value


def _truth(name: str, value: str) -> bool:
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise UsageError(f"option {name} is a flag: {value!r} is neither true nor false")
