"""Hostile command lines: an exit status and one line, whatever is written, and no file outside of where it may be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import fake_init, fuzz
from hypothesis import given
from hypothesis import strategies as st

from pyoci import log
from pyoci.cli import duration, options, update
from pyoci.cli import main as cli
from pyoci.errors import PyociError
from pyoci.state.store import Store

# The folders that options may name all lie in the working directory; `create` and `run` find no bundle there.
PATHS = ["sub", "sub/file", "file", ".", "missing/x", "fifo", "\udcff", "x" * 300]
IDS = ["x", "stopped", "broken", "empty", "..", "../x", "x/y", "x" * 256, "", "é", "-x", "\n"]
# They look at, or act on, the machine itself, whatever the state root; their own tests give them bad words.
OF_THE_MACHINE = {"doctor", "help", "try", "top"}
COMMANDS = sorted(set(cli.COMMANDS) - OF_THE_MACHINE)
OPTIONS = sorted(
    {f"--{option.name}" for option in options.GLOBAL}
    | {f"--{option.name}" for name in cli.COMMANDS for option in cli._load(name).OPTIONS}
    | {f"-{option.short}" for name in cli.COMMANDS for option in cli._load(name).OPTIONS if option.short}
)
SAFE = [word for word in fuzz.WORDS if "/" not in word]
VALUES = st.one_of(st.sampled_from(PATHS), st.sampled_from(IDS), st.sampled_from(SAFE), st.integers().map(str))
WORDS = st.one_of(
    VALUES,
    st.sampled_from(OPTIONS),
    st.builds("{}={}".format, st.sampled_from(OPTIONS), VALUES),
    st.sampled_from(["--", "-", "-h", "---", "--=", "-=x", "--root=", "--debug", "KILL", "0", "SIGRTMAX+1"]),
    st.text(alphabet=st.characters(blacklist_characters="\0/", blacklist_categories=["Cs"]), max_size=8),
)


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """A command, more often than not with options that it has, and with what else comes to a mind."""
    name = draw(st.sampled_from(COMMANDS))
    own = list(cli._load(name).OPTIONS)
    words: list[str] = []
    for _ in range(draw(st.integers(0, 3))):
        has_option: bool = draw(st.booleans())
        if own and has_option:
            option = draw(st.sampled_from(own))
            words += [f"--{option.name}"] + ([draw(st.one_of(VALUES, WORDS))] if option.value else [])
        else:
            words.append(draw(WORDS))
    before = draw(st.lists(WORDS, max_size=2)) if draw(st.integers(0, 3)) == 0 else []
    return [*before, name, *words, *draw(st.lists(st.sampled_from(IDS), max_size=2))]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with something in it, and containers in sub: stopped, with a broken state, without one."""
    folder = tmp_path / "cwd"
    (folder / "sub").mkdir(parents=True)
    (folder / "file").write_text("{}")
    # `spec` would write one there, and the next `run` find a bundle
    for bundle in (folder, folder / "sub"):
        (bundle / "config.json").mkdir()
    os.mkfifo(folder / "fifo")
    # open(2) of a FIFO waits for its other end, also when it is the --log that the caller has named
    reader = os.open(folder / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(cli, "default_root", lambda: str(folder / "sub"))
    store = Store(str(folder / "sub"))
    with fake_init.published(store, "stopped") as entry:
        entry.write(fake_init.state("stopped", pid=4_000_000, pid_start=1))
    with fake_init.published(store, "broken") as entry:
        entry.write_file("state.json", b'{"format": 1}')
    fake_init.published(store, "empty").close()
    yield folder
    os.close(reader)


def run(argv: list[str], output: Path) -> str:
    """What `main` wrote to standard output and error; it must return a status and leave no descriptor."""
    kept = [os.dup(fd) for fd in (0, 1, 2)]
    with open(output, "w+b") as file, open("/dev/null", "rb") as null:
        try:
            os.dup2(null.fileno(), 0)
            for fd in (1, 2):
                os.dup2(file.fileno(), fd)
            status = cli.main(argv)
        finally:
            for fd, copy in enumerate(kept):
                os.dup2(copy, fd)
                os.close(copy)
            if log._sink.fd is not None:
                os.close(log._sink.fd)
                log._sink.fd = None
        assert type(status) is int
        assert 0 <= status <= 255
        return os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace")


def test_command_line(place: Path) -> None:
    @fuzz.budget(1500)
    @given(lines())
    def clean(argv: list[str]) -> None:
        with fuzz.files_only_below(place.parent):
            text = run(argv, place.parent / "output")
        assert "internal error" not in text, text

    clean()


@fuzz.budget(300)
@given(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(fuzz.WORDS),
        st.from_regex(r"[0-9.]{1,9}[kmgtpKMG ]{0,2}(iB|b)?"),
        st.from_regex(r"([0-9.]{1,4}(h|m|s|ms|us|ns)){1,3}", fullmatch=True),
    )
)
def test_numbers(text: str) -> None:
    for read in (
        lambda: update.size("memory", text),
        lambda: options.number("x", text),
        lambda: duration.seconds("x", text),
    ):
        try:
            found: Any = read()
        except PyociError as error:
            assert str(error)
        else:
            assert found >= -1
