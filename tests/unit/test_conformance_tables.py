"""conformance/README.md's tables: saved runs side by side."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "conformance"))

from lib import engine_runner, engines, tables  # noqa: E402 - found in conformance, not installed
from lib.report import Outcome  # noqa: E402


def saved(folder: Path, name: str, system: str, runtime: str, **verdicts: str) -> Path:
    path = folder / name
    cases = [{"engine": "docker", "case": case, "verdict": verdict} for case, verdict in verdicts.items()]
    path.write_text(json.dumps({"system": system, "runtime": runtime, "version": [], "cases": cases}))
    return path


def test_runs_of_one_runtime_on_one_system_are_one_column(tmp_path: Path) -> None:
    paths = [
        saved(tmp_path, "1", "sid", "pyoci", run="ok", exec="not ok"),
        saved(tmp_path, "2", "sid", "runc", run="skipped"),
        saved(tmp_path, "3", "sid", "pyoci", exec="ok", logs="ok"),
    ]
    assert tables.cases(paths, []).splitlines() == [
        "| engine | case | sid: pyoci | sid: runc |",
        "| --- | --- | --- | --- |",
        "| docker | run | ok | skipped |",
        "| docker | exec | ok | - |",
        "| docker | logs | ok | - |",
        "|  | passed | 3 | 0 |",
    ]


def test_rows_are_in_the_order_of_the_cases_whatever_ran_first(tmp_path: Path) -> None:
    paths = [
        saved(tmp_path, "1", "sid", "pyoci", gone="ok", logs="ok"),
        saved(tmp_path, "2", "sid", "runc", exec="ok", run="ok"),
    ]
    order = [("podman", "run"), ("docker", "run"), ("docker", "exec"), ("docker", "logs")]
    names = [line.split(" | ")[1] for line in tables.cases(paths, order).splitlines()[2:]]
    assert names == ["run", "exec", "logs", "gone", "passed"]


def test_a_run_that_is_interrupted_knows_the_engines_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*words: Any) -> None:
        tell: Callable[[Outcome], None] = words[5]
        know: Callable[[str], None] = words[6]
        know("podman version 5")
        tell(Outcome("podman", "run", "ok", "", 1.0))
        raise KeyboardInterrupt

    monkeypatch.setattr(engine_runner, "run", run)
    outcomes, versions, interrupted = engines._run([("podman", [])], Path("/runtime"), Path("/busybox"))
    assert interrupted
    assert [outcome.case for outcome in outcomes] == ["run"]
    assert versions == {"podman": "podman version 5"}
