"""Every message: lower case, bounded, without a class of Python's, without a word twice; the value is in it.

A lint of all places that raise or warn, and a property over configurations that are wrong in one place.
"""

from __future__ import annotations

import ast
import builtins
import copy
import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.whole_config import full_config

from pyoci import errors, log
from pyoci.cli import main as cli
from pyoci.errors import ConfigError, PyociError
from pyoci.plan.build import build
from pyoci.plan.facts import gather
from pyoci.plan.request import Request
from pyoci.spec import bundle as bundles
from pyoci.spec import rules
from pyoci.wire import messages

PACKAGE = Path(errors.__file__).parent
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, PyociError)}
LOGS = {"warning", "error", "info", "debug"}
CLASSES = {name for name, value in vars(builtins).items() if isinstance(value, type) and name[:1].isupper()}
CLASSES |= ERRORS | {"NoneType", "Traceback"}
# Programmers' errors, which no configuration and no command line reaches.
PROGRAMMERS = {"record.py", "jsontext.py", "plainjson.py"}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call that makes a message: an error of ours, or an entry of the log."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name.startswith("_generated"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            function = node.func
            is_error = isinstance(function, ast.Name) and function.id in ERRORS
            is_log = (
                isinstance(function, ast.Attribute)
                and function.attr in LOGS
                and isinstance(function.value, ast.Name)
                and function.value.id == "log"
            )
            if is_error or is_log:
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


def literal(node: ast.expr) -> str | None:
    """The text of a message, with {} for what is put in; None when it is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def texts() -> list[tuple[str, str]]:
    found = []
    for place, call in calls():
        # A SyscallError's first argument is the number.
        for argument in call.args:
            text = literal(argument)
            if text is not None:
                found.append((place, text))
    return found


def test_there_are_messages_to_look_at() -> None:
    assert len(texts()) > 200


def test_they_begin_in_lower_case_and_end_without_a_stop() -> None:
    allowed = ("CPUSET", "I/O", "RLIMIT", "PID", "ID", "JSON", "SELinux", "AppArmor", "CAP_", "SCMP_", "NOTIFY_SOCKET")
    wrong = [
        (place, text)
        for place, text in texts()
        if (text[:1].isupper() and not text.startswith(allowed)) or re.search(r"[^.]\.$", text)
    ]
    assert wrong == []


def test_none_says_its_own_name() -> None:
    """`log.error` does, once: no `pyoci: pyoci: ...`."""
    assert [(place, text) for place, text in texts() if re.match(r"(pyoci|error|warning): ", text)] == []


def test_none_names_a_class_of_python() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        # Of the library, a TypeError is for whoever programs with it.
        if path.name in PROGRAMMERS or path.name.startswith("_generated") or path.parent.name == "library":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr) and any(
                isinstance(part, ast.Attribute) and part.attr == "__name__" for part in ast.walk(node)
            ):
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert found == []


def test_none_says_a_word_twice() -> None:
    plain = [(place, re.sub(r"mount -t \w+ \w+", "", text)) for place, text in texts()]  # a command
    assert [(place, text) for place, text in plain if re.search(r"\b([a-z]{3,}) \1\b", text)] == []


# Where no value could be named: something is missing, a command line is incomplete, a call has no argument.
NO_VALUE = re.compile(
    r"missing|empty|not set|needs?\b|required|without|exclude|is of use|takes |twice|root|not installed|not a "
    r"|null device|not mounted|interrupted|overwrite|too low|nobody asked|keeps stopping|more than one|wrong size"
    r"|no resctrl|an end"
)
A_CALL = re.compile(
    r"[a-z_]+$|[a-z ']+(criu|side|start|device|peer|namespace|limit)$|mount type=proc$|find the file of"
    r"|.+ \([a-z]+( [A-Z_]+)?\)$"  # which call it is, in brackets
)


def test_each_has_the_value() -> None:
    """What was refused is in the message, where there is such a thing."""
    rooms = ("library", "doctor", "throwaway", "top")
    bare = [
        (place, text)
        for place, text in texts()
        if "{}" not in text and not place.startswith(rooms) and not NO_VALUE.search(text) and not A_CALL.match(text)
    ]
    assert bare == []


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from leaves(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from leaves(member, (*path, index))
    else:
        yield path, value


LONG = "zq" * 20_000
NUMBER = 10**18 + 7
VALUES = (LONG, NUMBER, {LONG: LONG})


def mutants() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    config = full_config()
    for path, _ in leaves(config):
        for value in VALUES:
            changed = copy.deepcopy(config)
            place: Any = changed
            for part in path[:-1]:
                place = place[part]
            place[path[-1]] = value
            yield "/".join(map(str, path)), value, changed


def words_of(config: dict[str, Any]) -> list[str]:
    """All that create says of a config before it touches anything."""
    try:
        bundles.accept(config, "config")
        problems = rules.check(config)
        if problems:
            raise ConfigError(problems)
        advice = rules.warnings(config)
        plan = build(config, Request(container_id="c", bundle="/b"), gather())
        return [errors.bounded(words) for words in advice + plan.warnings]  # as the log has them
    except PyociError as error:
        return [str(error), *getattr(error, "problems", ())]


def test_a_config_that_is_wrong_in_one_place() -> None:
    """No class, no endless echo; and a value that is short enough is named."""
    bad: list[object] = []
    for place, value, config in mutants():
        for words in words_of(config):
            clean = words.replace("zq", "")
            if len(words) > 3100:
                bad.append((place, "too long", len(words)))
            bad.extend((place, name, words[:300]) for name in re.findall(r"[A-Z][A-Za-z]+", clean) if name in CLASSES)
            if place.rpartition("/")[2] in words and isinstance(value, int) and str(value) not in words.lower():
                if f"found {json.dumps(value)}" not in words:
                    bad.append((place, value, "is not named", words[:300]))
    assert bad == []


def test_every_message_is_bounded() -> None:
    for kind in (PyociError, ConfigError, errors.CgroupError):
        assert len(str(kind("x" * 100_000))) < 3100
    many = ConfigError([f"/a/{number}: wrong" for number in range(1000)])
    assert "and 980 more" in str(many)
    assert len(many.problems) == 1000


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(13, "Permission denied", "/x"), "system call failed on '/x': permission denied (EACCES)"),
        (MemoryError(), "out of memory"),
        (KeyError("limit"), "internal error: 'limit'"),
        (RecursionError(), "internal error: no reason given"),
    ],
)
def test_what_was_not_expected(error: BaseException, words: str) -> None:
    assert errors.unexpected(error) == words
    assert messages.report(error) == f"error {words}"


# where messages go


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_sink", log._Sink())


def test_a_warning_reaches_standard_error_where_there_is_no_log(capfd: pytest.CaptureFixture[str]) -> None:
    log.warning("odd")
    assert capfd.readouterr().err == "pyoci: warning: odd\n"


@pytest.mark.parametrize("level", ["warning", "error"])
def test_every_message_is_in_the_log_once(tmp_path: Path, capfd: pytest.CaptureFixture[str], level: str) -> None:
    log.setup(str(tmp_path / "log"), log.JSON)
    getattr(log, level)("odd")
    [entry] = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert (entry["level"], entry["msg"]) == (level, "odd")
    # podman puts the runtime's name before what it finds here
    assert capfd.readouterr().err == ("odd\n" if level == "error" else "")


@pytest.mark.parametrize(
    "argv",
    [
        ["--log", "LOG", "--log-format", "json", "--nonsense", "state", "x"],
        ["--log=LOG", "--log-format=json", "--rootless=7", "state", "x"],
        ["-log", "LOG", "-log-format", "json", "--root="],
        ["--log", "LOG", "--log-format", "json", "nonsense"],
        ["--log", "LOG", "--log-format", "json", "state"],
        ["--log", "LOG", "--log-format", "json", "kill", "--nonsense", "x"],
        ["--log", "LOG", "--log-format", "json", "--root", "/nonexistent", "state", "x"],
    ],
)
def test_a_wrong_command_line_is_in_the_log_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    path = str(tmp_path / "log")
    assert cli.main([word.replace("LOG", path) for word in argv]) == 1
    [entry] = map(json.loads, Path(path).read_text().splitlines())
    assert entry["level"] == "error"
    assert capfd.readouterr().err.strip() == log.one_line(entry["msg"])


@pytest.mark.parametrize(
    ("kind", "entry"),
    [
        ("syslog", b"<27>box[%d]: a\\nb"),
        ("journald", b"PRIORITY=3\nSYSLOG_IDENTIFIER=box\nMESSAGE=a\\nb\n"),
    ],
)
def test_services_that_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, entry: bytes) -> None:
    path = str(tmp_path / "socket")
    monkeypatch.setitem(log._SERVICES, kind, path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service:
        service.bind(path)
        log.setup(f"{kind}:box")
        log.error("a\nb")
        received = service.recv(4096)
    assert received == (entry % os.getpid() if b"%d" in entry else entry)


@pytest.mark.parametrize("kind", ["syslog", "journald"])
def test_a_service_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setitem(log._SERVICES, kind, str(tmp_path / "none"))
    with pytest.raises(PyociError, match=f"open log {kind}: connect .*: no such file or directory"):
        log.setup(f"{kind}:box")
    assert cli.main(["--log", f"{kind}:box", "state", "x"]) == 1


def test_a_file_by_its_kind(tmp_path: Path) -> None:
    log.setup(f"file:{tmp_path}/log")
    log.warning("odd")
    assert "odd" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("name", ["tcp:1", "udp:host:5", "Syslog:x", "unix:/run/log", "journal:", "x:y"])
def test_a_kind_of_log_that_there_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["--log", name, "list"]) == 1
    said = capfd.readouterr().err
    assert f"no kind of log is called {name.partition(':')[0]!r}; there are file, syslog and journald" in said
    assert f"file:{name} or ./{name}" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["./tcp:1", "file:tcp:1", "{}/a:b", "a.b:c", "1:2", "a-b:c", ":x"])
def test_a_file_with_a_colon_in_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    log.setup(name.format(tmp_path))
    log.warning("odd")
    assert "odd" in (tmp_path / name.format(tmp_path).removeprefix("file:")).read_text()


@pytest.mark.parametrize(("level", "said"), [("error", ["error"]), ("warning", ["warning", "error"])])
def test_levels(tmp_path: Path, capfd: pytest.CaptureFixture[str], level: str, said: list[str]) -> None:
    log.setup(str(tmp_path / "log"), log.JSON, level=level)
    log.info("a")
    log.warning("b")
    log.error("c")
    assert [json.loads(line)["level"] for line in (tmp_path / "log").read_text().splitlines()] == said
    assert capfd.readouterr().err == "c\n"


def test_debug_is_a_level(tmp_path: Path) -> None:
    log.setup(str(tmp_path / "log"), debug=True)
    log.debug("step")
    assert "step" in (tmp_path / "log").read_text()


def test_a_mount_that_is_known_by_its_descriptor_has_words_for_a_failure() -> None:
    calls = (
        node
        for path in sorted(PACKAGE.rglob("*.py"))
        if "open_tree(" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "mount.open_tree"
    )
    by_descriptor = [node for node in calls if ast.unparse(node.args[1]) == "''"]
    assert by_descriptor
    without = [ast.unparse(node) for node in by_descriptor if not any(word.arg == "what" for word in node.keywords)]
    assert not without
