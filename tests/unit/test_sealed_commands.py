"""Commands that send a process into a container are sealed (launcher/seal.c): derived from their modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.program import build_program  # noqa: F401 - puts launcher/ on the search path

import freeze  # isort: skip - needs the line above

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sealed() -> set[str]:
    return set(freeze.sealed_commands(ROOT))


def test_commands_that_make_processes_are_sealed(sealed: set[str]) -> None:
    assert {"create", "run", "exec"} <= sealed


@pytest.mark.parametrize("command", ["state", "start", "kill", "delete", "list", "features", "validate"])
def test_commands_of_the_host_alone_are_not(sealed: set[str], command: str) -> None:
    """Sealing costs a second execve."""
    assert command not in sealed


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "pyoci" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    "statement",
    [
        "from pyoci.host.spawn import Child",
        "from pyoci.host import spawn",
        "import pyoci.host.spawn",
        "from ..host import spawn",
        "def late():\n    from pyoci.host import spawn",
        "from pyoci.between import x",
    ],
)
def test_every_way_to_the_module_that_forks_is_seen(tmp_path: Path, statement: str) -> None:
    files = {
        "__init__.py": "",
        "cli/__init__.py": "",
        "host/__init__.py": "",
        "host/spawn.py": "",
        "between.py": "def f():\n    import pyoci.host.spawn",
        "cli/state.py": "from pyoci import host",
        "cli/other.py": statement,
    }
    assert freeze.sealed_commands(tree(tmp_path, files)) == ["other"]


@pytest.mark.parametrize(
    "command", [["run", "id"], ["create", "id"], ["exec", "id", "true"]], ids=lambda words: words[0]
)
def test_python_without_the_program_refuses_them(command: list[str], tmp_path: Path) -> None:
    """The interpreter that a container would see is the host's own."""
    words = [sys.executable, "-m", "pyoci", "--root", str(tmp_path), *command]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "use the compiled program" in done.stderr and len(done.stderr.splitlines()) == 1


def test_python_without_the_program_does_the_rest(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pyoci", "--root", str(tmp_path), "list"]
    assert subprocess.run(words, cwd=ROOT, capture_output=True).returncode == 0
