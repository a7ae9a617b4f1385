"""The command line parser: every spelling that runc's callers use."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from pyoci.cli import options
from pyoci.cli.options import Option, in_user_namespace, number, parse
from pyoci.errors import UsageError

TABLE = (
    Option(name="bundle", short="b", value="DIR", default="."),
    Option(name="pid-file", value="FILE"),
    Option(name="detach", short="d"),
    Option(name="env", short="e", value="NAME=VALUE", repeated=True),
    Option(name="format", value="FORMAT", choices=("table", "json"), default="table"),
    Option(name="rootless", value="MODE", choices=("true", "false", "auto"), bare="true", default="auto"),
)
DEFAULTS: dict[str, Any] = {
    "bundle": ".",
    "pid-file": None,
    "detach": False,
    "env": [],
    "format": "table",
    "rootless": "auto",
    "help": False,
}


@pytest.mark.parametrize(
    ("line", "changed", "args"),
    [
        ("", {}, []),
        ("ID", {}, ["ID"]),
        ("--bundle /b ID", {"bundle": "/b"}, ["ID"]),
        ("--bundle=/b ID", {"bundle": "/b"}, ["ID"]),
        ("-b /b ID", {"bundle": "/b"}, ["ID"]),
        ("-b=/b ID", {"bundle": "/b"}, ["ID"]),
        ("-bundle /b ID", {"bundle": "/b"}, ["ID"]),
        ("-bundle=/b ID", {"bundle": "/b"}, ["ID"]),
        ("ID --bundle /b", {"bundle": "/b"}, ["ID"]),
        ("ID -d --pid-file p", {"detach": True, "pid-file": "p"}, ["ID"]),
        ("--bundle= ID", {"bundle": ""}, ["ID"]),
        ("--bundle=a=b", {"bundle": "a=b"}, []),
        ("--bundle a --bundle b", {"bundle": "b"}, []),
        ("--bundle --detach", {"bundle": "--detach"}, []),
        ("--detach=false", {}, []),
        ("--detach=true", {"detach": True}, []),
        ("-d=0 ID", {}, ["ID"]),
        ("-e A=1 --env B=2 --env=C=3", {"env": ["A=1", "B=2", "C=3"]}, []),
        ("--format json", {"format": "json"}, []),
        ("--rootless create", {"rootless": "true"}, ["create"]),
        ("--rootless false create", {"rootless": "false"}, ["create"]),
        ("--rootless=auto create", {"rootless": "auto"}, ["create"]),
        ("--rootless=TRUE create", {"rootless": "true"}, ["create"]),
        ("--rootless 0 create", {"rootless": "false"}, ["create"]),
        ("create --rootless", {"rootless": "true"}, ["create"]),
        ("- ID", {}, ["-", "ID"]),
        ("ID -- -d --what", {}, ["ID", "-d", "--what"]),
        ("-h", {"help": True}, []),
        ("ID --help", {"help": True}, ["ID"]),
    ],
)
def test_parse(line: str, changed: dict[str, Any], args: list[str]) -> None:
    parsed = parse(line.split(), TABLE)
    assert parsed.options == DEFAULTS | changed
    assert parsed.args == args
    assert parsed.rest == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--nonsense", "unknown option --nonsense; there are --bundle"),
        ("-x", "unknown option -x"),
        ("--bund /b", "unknown option --bund"),
        ("ID -9", "unknown option -9"),
        ("--=x", "unknown option --"),
        ("-=x", "unknown option -"),
        ("--bundle", "option --bundle needs a value: DIR"),
        ("-b", "option -b needs a value: DIR"),
        ("--detach=maybe", "option --detach is a flag: 'maybe' is neither true nor false"),
        ("--format xml", "option --format: 'xml' is not one of table, json"),
        ("--rootless=maybe", "option --rootless: 'maybe' is not one of true, false, auto"),
        ("-bd /b", "unknown option -bd"),
    ],
)
def test_usage_errors(line: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(line.split(), TABLE)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("line", "args", "rest"),
    [
        ("-d ID ls -l --detach", ["ID"], ["ls", "-l", "--detach"]),
        ("-d ID -- ls -l", ["ID"], ["ls", "-l"]),
        ("-d -- ID ls -l", ["ID"], ["ls", "-l"]),
        ("-d ID -- -- x", ["ID"], ["--", "x"]),
        ("-d ID", ["ID"], []),
        ("-d", [], []),
    ],
)
def test_what_follows_the_stop_belongs_to_the_command(line: str, args: list[str], rest: list[str]) -> None:
    parsed = parse(line.split(), TABLE, stop_at=1)
    assert parsed.options["detach"]
    assert (parsed.args, parsed.rest) == (args, rest)


def test_defaults_are_not_shared() -> None:
    parse(["-e", "A=1"], TABLE)
    assert parse([], TABLE).options["env"] == []


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("3", 3), ("-1", -1), ("0010", 10)])
def test_number(text: str, value: int) -> None:
    assert number("--n", text, -1, 10) == value


@pytest.mark.parametrize("text", ["", "-", "x", "1.0", "0x1", "\u0661", "1_0", "+1", " 1", "11", "-2", "9" * 30])
def test_number_refused(text: str) -> None:
    with pytest.raises(UsageError, match="option --n"):
        number("--n", text, -1, 10)


def test_in_user_namespace_reads_the_map() -> None:
    with open("/proc/self/uid_map") as file:
        assert in_user_namespace() == (file.read().split() != ["0", "0", "4294967295"])


def test_options_are_named_with_their_dashes() -> None:
    """In messages, as they are written: no `option preserve-fds`."""
    names = []
    for file in sorted(Path(options.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "number" and len(node.args) > 1:
                names.append((file.name, ast.unparse(node.args[0])))
    assert len(names) > 5
    assert [entry for entry in names if not entry[1].lstrip("f").strip("'\"").startswith("--")] == []
