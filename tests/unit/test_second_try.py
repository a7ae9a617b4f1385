"""hack/test.d/twice: what fails is tried once more, alone, and its name is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TWICE = Path(__file__).parents[2] / "hack" / "test.d" / "twice"

TESTS = """
import os, pathlib, pytest
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "none")

def note(name):
    with open("tried", "a") as file:
        file.write(f"{name} {WORKER}\\n")
    return pathlib.Path("tried").read_text().count(name + " ")

def test_sound(): note("sound")
def test_broken(): assert note("broken") > 2
@pytest.mark.parametrize("word", ["a b", "ü/'"])
def test_busy(word): assert note("busy-" + word[0]) > 1
"""

BUSY = ["test_x.py::test_busy[a b]", "test_x.py::test_busy[\\xfc/']"]


def twice(folder: Path, *words: str, workers: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "test_x.py").write_text(TESTS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHON": sys.executable, "WORKERS": workers}
    # Without plugins, most of which take longer to import than all else.
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin" if workers else ""}
    return subprocess.run(
        [TWICE, "names", "test_x.py", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("workers", ["", "2"])
def test_a_failure_of_a_busy_machine_is_tried_once_more_alone(tmp_path: Path, workers: str) -> None:
    if workers:
        pytest.importorskip("xdist")
    done = twice(tmp_path, "-k", "not broken", workers=workers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "names").read_text().splitlines() == BUSY
    tried = [line.rpartition(" ")[::2] for line in (tmp_path / "tried").read_text().splitlines()]
    assert [name for name, _ in tried].count("sound") == 1
    assert tried[-2:] == [("busy-a", "none"), ("busy-ü", "none")]
    if workers:
        assert {worker for _, worker in tried[:3]} <= {"gw0", "gw1"}


def test_what_fails_twice_is_a_fault(tmp_path: Path) -> None:
    done = twice(tmp_path, "-k", "broken")
    assert done.returncode == 1
    assert (tmp_path / "tried").read_text().split() == ["broken", "none"] * 2


def test_only_failures_of_this_run_are_tried(tmp_path: Path) -> None:
    twice(tmp_path, "-k", "broken")
    assert twice(tmp_path, "-k", "not broken").returncode == 0
    assert (tmp_path / "tried").read_text().count("broken") == 2


@pytest.mark.parametrize("words", [["--no-such-option"], ["-k", "no_such_test"], ["no_such_file.py"]])
def test_a_run_that_did_not_take_place_is_no_success(tmp_path: Path, words: list[str]) -> None:
    assert twice(tmp_path, *words).returncode not in (0, 1)
    assert not (tmp_path / "tried").exists()
