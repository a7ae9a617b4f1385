"""conformance/README.md's tables: saved runs side by side."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "conformance"))

from lib import tables  # noqa: E402 - found in conformance, not installed


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
    assert tables.cases(paths).splitlines() == [
        "| engine | case | sid: pyoci | sid: runc |",
        "| --- | --- | --- | --- |",
        "| docker | run | ok | skipped |",
        "| docker | exec | ok | - |",
        "| docker | logs | ok | - |",
        "|  | passed | 3 | 0 |",
    ]
