"""The C sources, read by gcc's static analyzer: leaks, use after free, null pointers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.program import build_program

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def analyze(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    folder = tmp_path_factory.mktemp("analysis")
    target = build_program.of_this_python()
    facts = folder / "facts.py"
    facts.write_text(target.facts)
    freeze = [sys.executable, "-X", "no_debug_ranges", str(ROOT / "launcher/freeze.py"), str(folder), str(facts)]
    subprocess.run(freeze, check=True)

    def analyze(source: str) -> str:
        command = ["gcc", "-fanalyzer", "-O1", "-Werror", *build_program.WARNINGS, *target.options]
        if sys.version_info[:2] in build_program.SNAPSHOT_VERSIONS:
            command.append("-DWITH_SNAPSHOT")
        command += [f"-I{path}" for path in (folder, *target.includes)]
        result = subprocess.run(
            [*command, "-c", ROOT / source, "-o", folder / "object.o"], stderr=subprocess.PIPE, text=True
        )
        return result.stderr if result.returncode else ""

    return analyze


# The first instructions of a program with a snapshot, and a part of a release.
FURTHER = ("launcher/entry.c", "hack/release.d/shared.c")


def test_all_sources_are_analyzed() -> None:
    there = {
        str(path.relative_to(ROOT)) for folder in ("launcher", "pyoci", "hack") for path in (ROOT / folder).rglob("*.c")
    }
    assert there == {*build_program.SOURCES, *FURTHER}


@pytest.mark.thorough
@pytest.mark.parametrize("source", [*build_program.SOURCES, *FURTHER])
def test_the_analyzer_finds_nothing(analyze: Callable[[str], str], source: str) -> None:
    assert analyze(source) == ""


def test_the_analyzer_works(analyze: Callable[[str], str], tmp_path: Path) -> None:
    source = tmp_path / "leak.c"
    source.write_text("#include <stdlib.h>\nvoid twice(char *p) { free(p); free(p); }\n")
    assert "analyzer-double-free" in analyze(str(source))
