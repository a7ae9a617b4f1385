"""From the command line to an exit status: global options, help, how errors reach a person and an engine."""

from __future__ import annotations

import json
import os
import posix
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pyoci import log
from pyoci.cli import main as cli
from pyoci.cli import options

Run = Callable[..., "subprocess.CompletedProcess[str]"]

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from pyoci.cli.main import main
sys.exit(main(sys.argv[2:]))
"""
PLACE = str(Path(cli.__file__).parents[2])


def pyoci(*argv: str, **options: object) -> subprocess.CompletedProcess[str]:
    given: dict[str, object] = {"capture_output": True, "text": True, "timeout": 30} | options
    return subprocess.run([sys.executable, "-I", "-S", "-c", PROGRAM, PLACE, *argv], **given)  # type: ignore[call-overload, no-any-return]


def test_version_is_what_engines_read() -> None:
    result = pyoci("--version")
    assert result.returncode == 0
    first, *rest = result.stdout.splitlines()
    assert first == f"pyoci version {cli.VERSION}"
    facts = dict(line.split(": ", 1) for line in rest)
    assert facts["spec"] == "1.3.0"
    assert facts["python"].startswith("3.")
    assert facts["snapshot"] == "no"  # this is no compiled program
    assert pyoci("-v").stdout == result.stdout


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_commands_and_global_options(argv: list[str]) -> None:
    result = pyoci(*argv)
    assert result.returncode == 0
    for word in ("create", "delete", "--root DIR", "--log-format FORMAT"):
        assert word in result.stdout


@pytest.mark.parametrize("argv", [["kill", "--help"], ["help", "kill"], ["kill", "x", "-h"]])
def test_help_of_a_command(argv: list[str]) -> None:
    result = pyoci(*argv)
    assert result.returncode == 0
    assert "usage: pyoci [global options] kill [options] ID [SIGNAL]" in result.stdout
    assert "--all, -a" in result.stdout


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nonsense"], "unknown command 'nonsense'"),
        (["../x"], "unknown command '../x'"),
        (["main"], "unknown command 'main'"),
        (["--nonsense", "state"], "unknown option --nonsense"),
        (["state", "--nonsense"], "unknown option --nonsense"),
        (["state"], "one container id required"),
        (["state", "a", "b"], "'b' is one argument too many"),
        (["start"], "one container id required"),
        (["delete"], "one container id required"),
        (["kill"], "a container id and at most one signal required"),
        (["kill", "x", "BOGUS"], "unknown signal 'BOGUS'"),
        (["kill", "--signal", "TERM", "x", "KILL"], "the signal is given twice"),
        (["list", "x"], "'x' is one argument too many"),
        (["--log-format", "xml", "list"], "'xml' is not one of text, json"),
        (["--root", "", "list"], "--root: the path is empty"),
        (["--root=/nonexistent", "state", "x"], "container does not exist: 'x'"),
        (["--root=/nonexistent", "state", "../x"], "only letters, digits"),
    ],
)
def test_error_is_one_line_and_status_1(argv: list[str], words: str) -> None:
    result = pyoci(*argv)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("pyoci: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


def test_error_is_logged_as_json_for_engines(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    for name in ("a", "b"):
        pyoci("--log", str(path), "--log-format=json", "--root", str(tmp_path / "r"), "state", name)
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["msg"] for entry in entries] == [
        "container does not exist: 'a'",
        "container does not exist: 'b'",
    ]
    assert all(entry["level"] == "error" for entry in entries)
    assert all(len(entry["time"]) == len("2026-01-01T00:00:00Z") for entry in entries)


def test_usage_errors_of_commands_are_logged_too(tmp_path: Path) -> None:
    path = tmp_path / "log"
    pyoci("--log", str(path), "--log-format", "json", "state", "--nonsense")
    assert "unknown option --nonsense" in json.loads(path.read_text())["msg"]


def test_without_a_file_json_goes_to_standard_error(tmp_path: Path) -> None:
    result = pyoci("--log-format", "json", "--root", str(tmp_path), "state", "x")
    entry = json.loads(result.stderr)
    assert (result.returncode, entry["level"], entry["msg"]) == (1, "error", "container does not exist: 'x'")


def test_an_empty_name_is_no_log(tmp_path: Path) -> None:
    result = pyoci("--log", "", "--root", str(tmp_path), "list", "--quiet")
    assert (result.returncode, result.stderr) == (0, "")


def test_log_that_cannot_be_opened(tmp_path: Path) -> None:
    result = pyoci("--log", f"{tmp_path}/no/log", "list")
    assert result.returncode == 1
    assert "open log file" in result.stderr
    assert "no such file or directory" in result.stderr


def test_traceback_only_with_debug() -> None:
    assert "Traceback" not in pyoci("--root=/nonexistent", "state", "x").stderr
    assert "Traceback" in pyoci("--debug", "--root=/nonexistent", "state", "x").stderr


def test_an_unexpected_exception_gives_a_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from pyoci.cli import list as command

    def fail(_call: options.Call) -> int:
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr(command, "run", fail)
    assert cli.main(["list"]) == 1
    captured = capfd.readouterr()
    assert captured.err == "pyoci: internal error: surprise; --debug shows where\n"


@pytest.mark.parametrize("fds", [(0,), (2,), (0, 2), (0, 1, 2)])
def test_closed_standard_streams_do_not_matter(tmp_path: Path, fds: tuple[int, ...]) -> None:
    path = tmp_path / "log"
    redirections = " ".join(f"{fd}>&-" for fd in fds)
    script = f'exec "$@" {redirections}'
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        PROGRAM,
        PLACE,
        "--log",
        str(path),
        "--root",
        str(tmp_path / "r"),
        "state",
        "x",
    ]
    result = subprocess.run(["/bin/sh", "-c", script, "sh", *command], timeout=120)
    assert result.returncode == 1
    assert path.read_text().count("\n") == 1  # the line for standard error did not end up in the log


def test_unwritable_output_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        result = pyoci("--version", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1
    assert result.stderr == "pyoci: write to standard output: no space left on device (ENOSPC)\n"


def test_output_to_a_reader_that_is_gone() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        result = pyoci("--version", capture_output=False, stdout=write, stderr=subprocess.PIPE)
    finally:
        os.close(write)
    assert result.returncode == 1
    assert result.stderr == "pyoci: write to standard output: broken pipe (EPIPE)\n"


@pytest.mark.parametrize(
    ("environ", "uid", "inner", "root"),
    [
        ({}, 0, False, "/run/pyoci"),
        ({}, 1000, False, "/run/pyoci"),
        ({b"XDG_RUNTIME_DIR": b"/run/user/0"}, 0, False, "/run/pyoci"),
        ({b"XDG_RUNTIME_DIR": b"/run/user/7"}, 7, False, "/run/user/7/pyoci"),
        ({b"XDG_RUNTIME_DIR": b"/run/user/7"}, 0, True, "/run/user/7/pyoci"),
    ],
)
def test_default_root(
    monkeypatch: pytest.MonkeyPatch, environ: dict[bytes, bytes], uid: int, inner: bool, root: str
) -> None:
    monkeypatch.setattr(posix, "environ", environ)
    monkeypatch.setattr(posix, "geteuid", lambda: uid)
    monkeypatch.setattr(options, "in_user_namespace", lambda: inner)
    assert cli.default_root() == root


@pytest.mark.parametrize(
    ("mode", "uid", "inner", "rootless"),
    [
        ("auto", 0, False, False),
        ("auto", 0, True, True),
        ("auto", 5, False, True),
        ("true", 0, False, True),
        ("false", 5, True, False),
    ],
)
def test_rootless(monkeypatch: pytest.MonkeyPatch, mode: str, uid: int, inner: bool, rootless: bool) -> None:
    monkeypatch.setattr(posix, "geteuid", lambda: uid)
    monkeypatch.setattr(options, "in_user_namespace", lambda: inner)
    assert options.Settings(root="/r", rootless_mode=mode).rootless is rootless


def test_log_escapes_what_could_break_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log"
    log.setup(str(path), "json")
    try:
        log.error('a "quoted"\nline \x1b[31m \udcff ü')
        log.warning("only in the log")
        log.debug("not at all")
    finally:
        assert log._sink.fd is not None
        os.close(log._sink.fd)
        log._sink.fd = None
        log.setup(None)
    lines = path.read_bytes().splitlines()
    assert [json.loads(line)["level"] for line in lines] == ["error", "warning"]
    assert json.loads(lines[0])["msg"] == 'a "quoted"\nline \x1b[31m \udcff ü'
    assert capfd.readouterr().err == 'a "quoted"\\nline \\x1b[31m \\udcff ü\n'


def test_log_as_text(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log.setup(str(path))
    try:
        log.info("some words")
    finally:
        assert log._sink.fd is not None
        os.close(log._sink.fd)
        log._sink.fd = None
    assert path.read_text().endswith('Z" level=info msg="some words"\n')


def test_every_command_module_has_what_the_parser_needs() -> None:
    for name in cli.COMMANDS:
        if os.path.exists(f"{PLACE}/pyoci/cli/{name}.py"):
            module = cli._load(name)
            assert module.__doc__, name
            assert options.usage(name, module), name
            names = [option.name for option in module.OPTIONS]
            shorts = [option.short for option in module.OPTIONS if option.short]
            assert len(set(names + shorts)) == len(names + shorts), name
