"""Help texts in the width of a terminal."""

from __future__ import annotations

import pytest

from pyoci.cli import main, options
from pyoci.manual.columns import fit
from pyoci.manual.topics import TOPICS

TEXTS = {
    "": main.overview(),
    **{name: options.usage(name, main._load(name)) for name in main.COMMANDS},
    **{name: f"{title}\n\n{text}" for name, (title, text) in TOPICS.items()},
}


def is_command(line: str) -> bool:
    """An example of a command line, which stays whole."""
    return line.startswith("    ") and "  " not in line.strip()


@pytest.mark.parametrize("width", [30, 40, 80, 100, 200])
@pytest.mark.parametrize("name", TEXTS)
def test_no_line_is_longer_and_no_word_is_lost(name: str, width: int) -> None:
    fitted = fit(TEXTS[name], width)
    assert fitted.split() == TEXTS[name].split()
    assert fitted.endswith("\n")
    longest_word = max(map(len, fitted.split()))
    for line in fitted.splitlines():
        assert len(line) <= max(width, longest_word + 6) or is_command(line), line


@pytest.mark.parametrize("name", TEXTS)
def test_what_fits_is_left_as_it_is(name: str) -> None:
    assert fit(TEXTS[name], 200) == TEXTS[name]


def test_rows_go_on_below_their_text() -> None:
    text = "options:\n  --name VALUE  what it does, at some length\n  --all         all\n"
    assert fit(text, 40) == (
        "options:\n  --name VALUE  what it does, at some\n                length\n  --all         all\n"
    )


def test_text_of_a_narrow_row_begins_on_a_line_of_its_own() -> None:
    text = "options:\n  --cgroup-manager NAME  make cgroups with it\n"
    assert fit(text, 32) == "options:\n  --cgroup-manager NAME\n      make cgroups with it\n"


def test_paragraphs_are_filled() -> None:
    assert fit("one two\nthree four\n", 9) == "one two\nthree\nfour\n"
    assert fit("usage: pyoci run [options] ID\n", 20) == "usage: pyoci run\n  [options] ID\n"
