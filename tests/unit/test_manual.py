"""The manual: help topics, man pages and completion say what the tables of options say, in shells that read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.command_line import pyoci

from pyoci.cli import main, options, reference
from pyoci.manual import completion, roff
from pyoci.manual.model import Command, Flag, Manual
from pyoci.manual.topics import TOPICS

MANUAL = reference.manual()
SMALL = Manual(
    version="1",
    global_flags=(Flag(name="root", value="DIR", help="a folder"),),
    commands=(
        Command(
            name="go",
            summary="it goes",
            usage="[options] ID",
            description="It `goes` on.\n\nSecond:\n\n    .code -x \\n\n    'more\n\nThird.",
            flags=(Flag(name="far", short="f", value="HOW", choices=("a", "b"), help="how far: it's [so]"),),
        ),
    ),
    topics=(("topic", "A topic", "Text.\n"),),
)


def without_hidden() -> dict[str, list[str]]:
    """Command -> the options that people are shown."""
    made = {}
    for name in main.COMMANDS:
        table = main._load(name).OPTIONS
        made[name] = [f"--{option.name}" for option in table if not option.hidden]
    return made


OPTIONS = without_hidden()


def plain(page: str) -> str:
    """A page without what groff reads."""
    return page.replace("\\-", "-").replace("\\e", "\\").replace("\\(ga", "`").replace("\\&", "")


# -- man pages -------------------------------------------------------------------------------------------------------


def test_there_is_a_page_for_every_command() -> None:
    assert roff.names(MANUAL) == ["pyoci", *(f"pyoci-{name}" for name in main.COMMANDS)]
    assert roff.page(MANUAL, "pyoci-no-such") is None


@pytest.mark.parametrize("name", main.COMMANDS)
def test_page_says_what_the_table_says(name: str) -> None:
    page = plain(roff.page(MANUAL, f"pyoci-{name}") or "")
    for option in main._load(name).OPTIONS:
        if not option.hidden:
            short = f", \\fB-{option.short}\\fR" if option.short else ""
            value = f" \\fI{option.value}\\fR" if option.value else ""
            assert f".TP\n\\fB--{option.name}\\fR{short}{value}\n{option.help}\n" in page
    assert page.count(".TP\n") == len(OPTIONS[name]) + 1  # and --help
    assert main.COMMANDS[name] in page


def test_overview_has_all_commands_and_global_options() -> None:
    page = plain(roff.page(MANUAL, "pyoci") or "")
    for name, summary in main.COMMANDS.items():
        assert f".BR pyoci-{name} (8)\n{summary}\n" in page
    for option in options.GLOBAL:
        assert option.hidden or f"\\fB--{option.name}\\fR" in page
    for title, _ in TOPICS.values():
        assert f".SH {title.upper()}" in page


def test_text_is_not_read_as_requests() -> None:
    page = roff.page(SMALL, "pyoci-go") or ""
    expected = """\
.SH DESCRIPTION
It \\(gagoes\\(ga on.
.PP
Second:
.PP
.PP
.RS 4
.nf
\\&.code \\-x \\en
\\&'more

.fi
.RE
Third.
"""
    assert expected in page


@pytest.mark.parametrize("name", roff.names(MANUAL))
def test_groff_finds_nothing_wrong(name: str) -> None:
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    command = ["groff", "-man", "-Tutf8", "-ww", "-z"]
    done = subprocess.run(command, input=roff.page(MANUAL, name), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# -- help ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", TOPICS)
def test_topic(topic: str) -> None:
    title, text = TOPICS[topic]
    assert pyoci("help", topic).stdout == f"{title}\n\n{text}"
    assert topic not in main.COMMANDS


def test_help_lists_topics() -> None:
    assert all(f"  {topic}" in pyoci("help").stdout for topic in TOPICS)


@pytest.mark.parametrize("words", [["no-such"], ["a", "b"], ["--man", "no-such"], ["--man-pages", "/no/such"]])
def test_unknown_topic_is_an_error(words: list[str]) -> None:
    result = pyoci("help", *words)
    assert result.returncode == 1
    assert words[-1] in result.stderr


def test_topic_names_commands_that_there_are() -> None:
    for _, text in TOPICS.values():
        for command in re.findall(r"(?:^    |`)pyoci (\w[\w-]*)", text, re.MULTILINE):
            assert command in main.COMMANDS, command


def test_all_pages_are_written(tmp_path: Path) -> None:
    assert pyoci("help", "--man-pages", str(tmp_path)).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.8" for name in roff.names(MANUAL)}
    assert (tmp_path / "pyoci-create.8").read_text() == pyoci("help", "--man", "create").stdout


# -- completion ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_script_is_whole(shell: str) -> None:
    text = pyoci("completion", shell).stdout
    assert text == completion.script(MANUAL, shell)
    for name in main.COMMANDS:
        assert name in text
        for option in OPTIONS[name]:
            assert (f"-l {option[2:]} " if shell == "fish" else option) in text


@pytest.mark.parametrize("words", [[], ["tcsh"], ["bash", "zsh"]])
def test_unknown_shell(words: list[str]) -> None:
    assert pyoci("completion", *words).returncode == 1


@pytest.fixture
def in_path(tmp_path: Path) -> dict[str, str]:
    """An environment in which `pyoci list` names containers: other ones with a --root."""
    program = tmp_path / "pyoci"
    program.write_text('#!/bin/sh\nif [ "$1" = --root ]; then echo "in$2"; else printf "web\\ndb\\nweb2\\n"; fi\n')
    program.chmod(0o755)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    return {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "dumb"}


# the line before the cursor -> what completes its last word
COMPLETED: dict[str, set[str]] = {
    "pyoci cre": {"create"},
    "pyoci --roo": {"--root", "--rootless"},
    "pyoci --rootless ": {"true", "false", "auto"},
    "pyoci --log-format ": {"text", "json"},
    "pyoci create --bun": {"--bundle"},
    "pyoci run --no-p": {"--no-pivot"},
    "pyoci state w": {"web", "web2"},
    "pyoci state d": {"db"},
    "pyoci --debug exec d": {"db"},
    "pyoci --root /x state in": {"in/x"},
    "pyoci kill web KI": {"KILL"},
    "pyoci list --format ": {"table", "json"},
    "pyoci ps -f js": {"json"},
    "pyoci help roo": {"rootless"},
    "pyoci completion zs": {"zsh"},
}


def complete_bash(line: str, env: dict[str, str], tmp_path: Path) -> set[str]:
    script = tmp_path / "completion.bash"
    script.write_text(completion.script(MANUAL, "bash"))
    words = line.split(" ")
    ask = f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pyoci; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "-uc", ask, "bash", *words], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def complete_fish(line: str, env: dict[str, str], tmp_path: Path) -> set[str]:
    script = tmp_path / "completion.fish"
    script.write_text(completion.script(MANUAL, "fish"))
    ask = f"source {script}; complete -C '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", ask], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.stderr == ""
    return {row.split("\t")[0] for row in done.stdout.splitlines()}


@pytest.mark.parametrize("line", COMPLETED)
def test_bash_completes(line: str, in_path: dict[str, str], tmp_path: Path) -> None:
    if not shutil.which("bash"):
        pytest.skip("bash is not installed")
    assert complete_bash(line, in_path, tmp_path) == COMPLETED[line]


def test_bash_completes_folders(in_path: dict[str, str], tmp_path: Path) -> None:
    if not shutil.which("bash"):
        pytest.skip("bash is not installed")
    assert complete_bash("pyoci create --bundle f", in_path, tmp_path) == {"folder"}
    assert complete_bash("pyoci explain f", in_path, tmp_path) == {"folder"}
    assert complete_bash("pyoci run --pid-file fi", in_path, tmp_path) == {"file"}


@pytest.mark.parametrize("line", COMPLETED)
def test_fish_completes(line: str, in_path: dict[str, str], tmp_path: Path) -> None:
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    assert complete_fish(line, in_path, tmp_path) >= COMPLETED[line]


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_shell_reads_its_script(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(completion.script(MANUAL, shell))
    (tmp_path / "small").write_text(completion.script(SMALL, shell))
    for name in ("script", "small"):
        done = subprocess.run([shell, "-n", str(tmp_path / name)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


ZSH = """
import os, pty, select, sys, time
pid, master = pty.fork()
if pid == 0:
    os.execvpe("zsh", ["zsh", "-f"], dict(os.environ, TERM="dumb", PS1="> "))
def send(text, until, seconds=15):
    os.write(master, text.encode())
    end, got = time.monotonic() + seconds, b""
    while time.monotonic() < end and until.encode() not in got:
        if select.select([master], [], [], 0.1)[0]:
            got += os.read(master, 65536)
    return got.decode(errors="replace")
send(f"fpath=({sys.argv[1]} $fpath); autoload -U compinit; compinit -u -D; echo rea''dy\\n", "ready")
print(send(sys.argv[2] + "\\t", sys.argv[3]))
"""


@pytest.mark.parametrize(("line", "expected"), [("pyoci explai", "explain"), ("pyoci state d", "state db")])
def test_zsh_completes(line: str, expected: str, in_path: dict[str, str], tmp_path: Path) -> None:
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    (tmp_path / "_pyoci").write_text(completion.script(MANUAL, "zsh"))
    done = subprocess.run(
        ["python3", "-c", ZSH, str(tmp_path), line, expected], env=in_path, capture_output=True, text=True, timeout=60
    )
    assert expected in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("usage", "takes"),
    [
        ("[options] ID", "id"),
        ("[options] [ID ...]", "id"),
        ("[BUNDLE]", "folder"),
        ("[options] [--] [COMMAND [ARGUMENT ...]]", "command"),
        ("[options]", ""),
        ("SHELL", "shell"),
    ],
)
def test_what_a_command_takes(usage: str, takes: str) -> None:
    assert Command(name="x", summary="", usage=usage, description="", flags=()).takes == takes


def test_man_pages_need_a_folder(capfd: pytest.CaptureFixture[str]) -> None:
    """An empty path would be the root folder."""
    assert main.main(["help", "--man-pages", ""]) == 1
    assert "--man-pages" in capfd.readouterr().err
