"""conformance/README.md's tables: saved runs side by side."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "conformance"))

from lib import engine_runner, engines, report, tables, umoci  # noqa: E402 - found in conformance, not installed
from lib.engine import Case  # noqa: E402
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


def test_cases_of_saved_runs_of_the_same_runtime_and_system_are_left_out(tmp_path: Path) -> None:
    paths = [
        saved(tmp_path, "1", "sid", "pyoci", run="ok", exec="not ok"),
        saved(tmp_path, "2", "sid", "runc", logs="ok"),
        saved(tmp_path, "3", "trixie", "pyoci", stats="ok"),
    ]
    done = tables.in_column([json.loads(path.read_text()) for path in paths], "sid: pyoci")
    assert done == {("docker", "run"), ("docker", "exec")}
    cases = [Case(name, "", print, 1.0) for name in ("run", "exec", "logs")]
    left = engine_runner.without([("podman", cases[:1]), ("docker", cases)], done)
    assert [(name, [case.name for case in kept]) for name, kept in left] == [("podman", ["run"]), ("docker", ["logs"])]


def test_an_engine_without_a_case_left_does_not_start() -> None:
    assert engine_runner.without([("docker", [Case("run", "", print, 1.0)])], {("docker", "run")}) == []


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"system": "sid", "runtime": "pyoci", "version": []}'])
def test_a_file_that_is_no_saved_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit) as ended:
        engines.main(["--runtime", "true", "--not-in", str(path)])
    assert ended.value.code == 2
    assert f"{path}: not a saved run" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["absent/run.json", "."])
def test_a_run_that_cannot_be_saved_does_not_begin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        engines.main(["--runtime", "true", "--save", str(tmp_path / place)])
    assert ended.value.code == 2
    assert f"{tmp_path / place}: cannot be written" in capsys.readouterr().err


def test_a_save_that_breaks_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    link = tmp_path / "link"
    link.symlink_to(path)
    report.save([Outcome("docker", "run", "ok", "", 1.0)], {"system": "sid"}, link)
    before = path.read_text()
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, path]

    def half(file: Path, text: str) -> None:
        with open(file, "w") as opened:
            opened.write(text[: len(text) // 2])
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="no space"):
        report.save([], {"system": "sid"}, link)
    assert path.read_text() == before


def test_a_run_is_saved_to_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    report.save([], {"system": "sid"}, pipe)
    assert json.loads(os.read(reader, 1000)) == {"system": "sid", "cases": []}
    os.close(reader)


def test_a_run_that_is_interrupted_knows_the_engines_version_and_was_saved_after_each_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(*words: Any) -> None:
        tell: Callable[[Outcome], None] = words[5]
        know: Callable[[str], None] = words[6]
        know("podman version 5")
        tell(Outcome("podman", "run", "ok", "", 1.0))
        tell(Outcome("podman", "exec", "ok", "", 1.0))
        raise KeyboardInterrupt

    def save(outcomes: list[Outcome], versions: dict[str, str]) -> None:
        saves.append(([outcome.case for outcome in outcomes], dict(versions)))

    saves: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(engine_runner, "run", run)
    outcomes, interrupted = engines._run([("podman", [])], Path("/runtime"), Path("/busybox"), save)
    assert interrupted
    assert [outcome.case for outcome in outcomes] == ["run", "exec"]
    versions = {"podman": "podman version 5"}
    assert saves == [(["run"], versions), (["run", "exec"], versions)]


def test_an_absent_engine_is_known_as_absent_before_its_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    monkeypatch.setattr(umoci.Umoci, "missing", lambda: "not installed: umoci")
    case = Case("run", "", print, 1.0)
    engine_runner.run(umoci.Umoci, [case], Path("/runtime"), Path("/busybox"), [], said.append, said.append)
    assert said == ["absent", Outcome("umoci", "run", "skipped", "not installed: umoci", 0.0)]
