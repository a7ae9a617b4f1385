"""The built program's command line for people: its help."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest
from helpers.runtime import Runtime

from pyoci.cli.main import COMMANDS

CLI = Path(__file__).resolve().parents[2] / "pyoci/cli"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_describes_the_command(runtime: Runtime, command: str) -> None:
    """In the program all modules are frozen, and compiled without their docstrings."""
    if not runtime.is_pyoci:
        pytest.skip("asks for pyoci's own words")
    if not (CLI / f"{command}.py").exists():
        pytest.skip(f"{command} is not built yet")
    words = ast.get_docstring(ast.parse((CLI / f"{command}.py").read_text()))
    assert words is not None
    assert len(words.split()) > 5, f"{command}: its description says no more than its name"
    help_text = subprocess.run([*runtime.command, command, "--help"], capture_output=True, text=True).stdout
    assert words in help_text
