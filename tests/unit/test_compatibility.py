"""docs/compatibility.md is what hack/compatibility makes, and each of its rows has an answer."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

from pyoci.cli import main as cli
from pyoci.cli.options import GLOBAL, HELP

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date_and_has_no_empty_row() -> None:
    check = [sys.executable, str(ROOT / "hack" / "compatibility"), "--check"]
    result = subprocess.run(check, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 0, result.stderr


def test_a_row_is_shown_by_a_test_about_its_subject() -> None:
    """Not by any test that has the same word: `priority` of a process is not the one of a network device."""
    page = (ROOT / "docs/compatibility.md").read_text()
    for row, file in (
        ("`linux.resources.network.priorities.priority`", "integration/test_cgroups_limits"),
        ("`linux.seccomp.syscalls.args.op`", "integration/test_seccomp_filter"),
        ("`hooks.poststop.env`", "integration/test_hooks"),
        ("`restore --no-subreaper`", "integration/test_checkpoint_faults"),
        ("`process.scheduler.policy`", "integration/test_scheduler"),
    ):
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {row} ")]
        assert f"[{file}" in line, line


def test_letters_of_the_others_stand_for_the_same_options() -> None:
    letters = runpy.run_path(str(ROOT / "hack/compatibility.d/peers.py"))["LETTERS"]
    for command, table in letters.items():
        options = (*GLOBAL, HELP) if command == "(global)" else cli._load(command).OPTIONS
        ours = {option.name: option.short for option in options}
        assert {name: ours.get(name) for name in table} == table, command
