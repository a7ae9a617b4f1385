"""A function fits on a screen, and a file is read in one go."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("pyoci", "launcher", "hack", "conformance")
LINES_OF_A_FUNCTION = 45  # its docstring aside
LINES_OF_A_FILE = 400
# These lists only shrink: take out what you mend. Each has its reason.
LONG_FUNCTIONS = {
    "conformance/lib/random_commands.py: exec": 57,  # a line for each option that may be drawn
    "conformance/lib/random_linux.py: limits": 58,  # the same for each limit
    "conformance/lib/random_process.py: process_place": 66,  # and for each kind of place
    "hack/release.d/libraries.py: build_interpreter": 46,  # one compiler's command line after the other
    "pyoci/library/jobs.py: run": 47,  # nineteen arguments, each on a line
    "pyoci/library/supervised.py: __init__": 46,  # twelve arguments
    "pyoci/plan/build.py: build": 51,  # the fields of a plan
}
LONG_FILES = {
    "conformance/lib/random_run.py": "one look at what a run leaves after the other",
    "conformance/lib/cases_podman.py": "one short case after the other",
    "pyoci/cgroups/v1.py": "the methods of `Cgroup`",
    "pyoci/library/container.py": "the methods of a class that programs see, with their documentation",
    "pyoci/plan/mounts.py": "the tables of the options are a third of it",
}


def sources() -> list[Path]:
    return [
        path
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not path.name.startswith("_generated") and "build" not in path.relative_to(ROOT).parts
    ]


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_functions_fit_on_a_screen() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}: {node.name}": lines_of(node)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and lines_of(node) > LINES_OF_A_FUNCTION
    }
    assert not {name: lines for name, lines in lengths.items() if lines > LONG_FUNCTIONS.get(name, 0)}
    assert lengths == LONG_FUNCTIONS, "LONG_FUNCTIONS has more than there is: write these numbers"


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n") for path in sources()}
    long = {name: lines for name, lines in lengths.items() if lines > LINES_OF_A_FILE and name not in LONG_FILES}
    assert not long, "are these two jobs?"
    assert not {name for name in LONG_FILES if lengths.get(name, 0) <= LINES_OF_A_FILE}, "take these out of LONG_FILES"
