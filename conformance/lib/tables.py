"""Saved runs side by side, as the Markdown tables of README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lib import report, results, tap

_MARKS = {tap.OK: "ok", tap.NOT_OK: "**not ok**", tap.SKIPPED: "skipped"}


def programs(paths: list[Path]) -> str:
    """Validation program x runtime: the verdict and the counts."""
    runs = [results.load(path) for path in paths]
    names = sorted({name for run in runs for name in run.programs})
    rows = [[name, *(_program(run.programs.get(name)) for run in runs)] for name in names]
    totals = ["passed", *(str(sum(p.verdict == tap.OK for p in run.programs.values())) for run in runs)]
    return _markdown(["program", *(_title(run.version, run.runtime) for run in runs)], [*rows, totals])


def cases(paths: list[Path], order: list[tuple[str, str]]) -> str:
    """Engine and case x runtime: the verdict, in that order of (engine, case), and after it what it lacks.

    Runs of one runtime on one system are one column.
    """
    columns: dict[str, dict[tuple[str, str], str]] = {}
    for path in paths:
        document: dict[str, Any] = json.loads(path.read_text())
        columns.setdefault(column(document), {}).update(
            {(case["engine"], case["case"]): case["verdict"] for case in document["cases"]}
        )
    found = list(columns.values())
    ran = dict.fromkeys(name for verdicts in found for name in verdicts)
    names = [*(name for name in order if name in ran), *(name for name in ran if name not in order)]
    rows = [[*name, *(_MARKS.get(verdicts.get(name, ""), "-") for verdicts in found)] for name in names]
    totals = ["", "passed", *(str(list(verdicts.values()).count(report.PASSED)) for verdicts in found)]
    return _markdown(["engine", "case", *columns], [*rows, totals])


def column(run: dict[str, Any]) -> str:
    """The title of the column that a saved run of engines' cases is in: its system and its runtime."""
    return f"{run['system']}: {_title(run['version'], run['runtime'])}"


def in_column(runs: list[dict[str, Any]], title: str) -> set[tuple[str, str]]:
    """The engine and case of each cell that these saved runs fill in the column of this title."""
    return {(case["engine"], case["case"]) for run in runs if column(run) == title for case in run["cases"]}


def _program(program: results.Program | None) -> str:
    if program is None:
        return "-"
    if program.verdict == tap.OK:
        return f"ok ({program.ok})"
    return f"{_MARKS[program.verdict]} ({program.counts})"


def _title(version: list[str], runtime: str) -> str:
    return version[0].replace(" version", "") if version else runtime


def _markdown(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
