"""hack/test.d/workers.py: the files of tests are spread over processes, and none is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

WORKERS = Path(__file__).parents[2] / "hack" / "test.d" / "workers.py"

CONFTEST = """
import os, pytest

@pytest.fixture(scope="session", autouse=True)
def session():
    note("begin")
    yield
    note("end")
    assert not os.path.exists("fail-at-the-end")

def note(words):
    with open("notes", "a") as file:
        file.write(f"{os.getpid()} {words}\\n")
"""
FILE = """
import os, time
from conftest import note
note("read " + __name__)

def test_1(tmp_path): time.sleep(0.2)
def test_2(tmp_path): assert not os.path.exists("fail-" + __name__)
def test_3(tmp_path): os.path.exists("die-" + __name__) and os._exit(3)
def test_4(tmp_path): note("last of " + __name__)
"""


def run(folder: Path, *words: str, files: int = 2, workers: int = 1) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    for number in range(files):
        (folder / f"test_{number}.py").write_text(FILE)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, WORKERS, str(workers), *words, *([] if words else ["."])],
        cwd=folder,
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def notes(folder: Path) -> list[tuple[str, str]]:
    """(process, words) of each note."""
    lines = (folder / "notes").read_text().splitlines()
    return [(process, words) for process, _, words in (line.partition(" ") for line in lines)]


def test_each_file_is_read_once_and_each_worker_has_one_session(tmp_path: Path) -> None:
    done = run(tmp_path, files=4, workers=2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[100%]" in done.stdout
    assert "16 passed" in done.stdout
    said = notes(tmp_path)
    assert sorted(words for _, words in said if words.startswith("read")) == [
        f"read test_{number}" for number in range(4)
    ]
    processes = {process for process, _ in said}
    assert len(processes) == 2
    for process in processes:
        of_process = [words for other, words in said if other == process and not words.startswith("read")]
        assert (of_process[0], of_process[-1]) == ("begin", "end")
        assert of_process.count("begin") == 1
        assert [words for words in of_process[1:-1] if not words.startswith("last of")] == []


def test_a_failure_is_the_status(tmp_path: Path) -> None:
    (tmp_path / "fail-test_1").touch()
    done = run(tmp_path)
    assert done.returncode == 1
    assert "FAILED test_1.py::test_2 - AssertionError" in done.stdout
    assert "1 failed, 7 passed" in done.stdout


def test_the_first_failure_ends_the_run_if_told_so(tmp_path: Path) -> None:
    (tmp_path / "fail-test_0").touch()
    done = run(tmp_path, "-x", ".")
    assert done.returncode == 1
    assert "stopping after 1 failures" in done.stdout
    assert "read test_1" not in {words for _, words in notes(tmp_path)}


def test_the_file_of_a_worker_that_dies_has_failed(tmp_path: Path) -> None:
    (tmp_path / "die-test_0").touch()
    done = run(tmp_path, files=4, workers=2)
    assert done.returncode == 1
    assert "ERROR test_0.py - the worker has ended with status 3, at test_0.py::test_3" in done.stdout
    assert "14 passed, 1 error" in done.stdout
    assert (tmp_path / ".pytest_cache/v/cache/lastfailed").read_text().strip() == '{\n  "test_0.py": true\n}'


def test_files_that_no_worker_is_left_for_have_failed(tmp_path: Path) -> None:
    (tmp_path / "die-test_0").touch()
    done = run(tmp_path)
    assert done.returncode == 1
    assert "2 passed, 2 errors" in done.stdout


def test_a_file_that_cannot_be_read_has_failed(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("import no_such_module")
    done = run(tmp_path, "test_x.py", "test_1.py")
    assert done.returncode == 1
    assert "ERROR test_x.py" in done.stdout
    assert "4 passed, 1 error" in done.stdout


def test_a_session_that_fails_at_its_end_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "fail-at-the-end").touch()
    done = run(tmp_path, files=1)
    assert done.returncode == 1
    assert "AssertionError" in done.stdout + done.stderr


def test_arguments_name_tests(tmp_path: Path) -> None:
    done = run(tmp_path, "-k", "not test_2", "test_0.py::test_1", "test_1.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
