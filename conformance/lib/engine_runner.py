"""Runs one engine's cases: the part inside the cell, and the part outside that watches the clock."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lib import engine as engines
from lib import image
from lib.cell import Cell
from lib.engine import Case, Cases, Context, Engine
from lib.report import FAILED, PASSED, SKIPPED, Outcome
from lib.shell import Failed, Shell, Skipped

_START_SECONDS = 90.0
_CLEAN_SECONDS = 60.0
_GRACE_SECONDS = 15.0
_LOGGED_ERRORS = 2
_BASE = Path("/tmp/engine")

Chosen = list[tuple[str, list[Case[Any]]]]  # of each engine that is to run, the cases

slowness = 1.0  # time limits are so many times as long: in an emulated guest, say
unified = True  # whether the cells of a hybrid host have its cgroup2 mount


def run(
    kind: type[Engine],
    cases: list[Case[Any]],
    runtime: Path,
    busybox: Path,
    keep: list[str],
    tell: Callable[[Outcome], None],
    tell_version: Callable[[str], None],
) -> None:
    """The engine's version is passed to `tell_version`, the outcome of each of `cases` to `tell`, as they come."""
    lacking = kind.missing()
    if lacking:
        tell_version("absent")
        for case in cases:
            tell(Outcome(kind.name, case.name, SKIPPED, lacking, 0.0))
        return
    reader, writer = os.pipe()
    kept = [*keep, str(runtime), str(busybox)]
    with Cell(kind.name, keep=kept, fresh=kind.covers, unified=unified) as cell:
        cell.start(lambda: _inside(kind, cases, runtime, busybox, writer))
        os.close(writer)
        _listen(kind, cases, reader, tell, tell_version)
        cell.wait(slowness * _CLEAN_SECONDS)
        cell.stop()
    os.close(reader)


def _listen(
    kind: type[Engine],
    cases: list[Case[Any]],
    reader: int,
    tell: Callable[[Outcome], None],
    tell_version: Callable[[str], None],
) -> None:
    told = 0
    ended = "the engine's cell ended"
    messages = _messages(reader)
    for case in [None, *cases]:
        limit = _START_SECONDS if case is None else case.limit + _CLEAN_SECONDS
        message = messages(slowness * (limit + _GRACE_SECONDS))
        if message is None:
            ended = f"{'starting it' if case is None else case.name} ran over all time limits, or the cell ended"
            break
        if case is None:
            tell_version(message["version"])
            continue
        tell(Outcome(**message))
        told += 1
    for case in cases[told:]:
        tell(Outcome(kind.name, case.name, FAILED, ended, 0.0))


def _messages(reader: int) -> Callable[[float], dict[str, Any] | None]:
    """A function that waits so many seconds for the next line of the pipe; None: too late, or the end."""
    buffered = b""

    def following(seconds: float) -> dict[str, Any] | None:
        nonlocal buffered
        deadline = time.monotonic() + seconds
        while b"\n" not in buffered:
            ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(reader, 65536) if ready else b""
            if not data:
                return None
            buffered += data
        line, _, buffered = buffered.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    return following


def _inside(kind: type[Engine], cases: list[Case[Any]], runtime: Path, busybox: Path, writer: int) -> int:
    _BASE.mkdir()
    environment = {
        "PATH": engines.search_path(),
        "HOME": str(_BASE / "home"),
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "TERM": "xterm",
    }
    os.environ["PATH"] = environment["PATH"]
    Path(environment["HOME"]).mkdir()
    layout, archive = image.build(busybox, _BASE)
    shell = Shell(environment, deadline=time.monotonic() + slowness * _START_SECONDS)
    engine = kind(Context(runtime, _BASE, layout, archive, shell))
    unusable = ""
    try:
        engine.start()
    except Failed as error:
        unusable = f"{kind.name} does not start: {error}"
    _write(writer, {"version": engine.versions()})
    for case in cases:
        started = time.monotonic()
        verdict, reason = (FAILED, unusable) if unusable else _judge(engine, case)
        seconds = round(time.monotonic() - started, 1)
        outcome = Outcome(kind.name, case.name, verdict, _one_line(reason), seconds)
        _write(writer, outcome.__dict__)
    shell.deadline = time.monotonic() + slowness * _CLEAN_SECONDS
    try:
        engine.stop()
        shell.stop_daemons()
    except Failed as error:
        print(f"warning: {kind.name} did not end in order: {error}", file=sys.stderr)
    return 0


def _judge(engine: Engine, case: Case[Any]) -> tuple[str, str]:
    verdict, reason = PASSED, ""
    engine.shell.deadline = time.monotonic() + slowness * case.limit
    log = engine.log_file
    logged = log.stat().st_size if log else 0
    try:
        case.run(engine)
    except Skipped as skip:
        verdict, reason = SKIPPED, str(skip)
    except Failed as failure:
        verdict, reason = FAILED, f"{failure}{_logged_errors(log, logged)}"
    except Exception as error:  # noqa: BLE001 - a case that breaks is a failed case, not the end of all others
        verdict, reason = FAILED, f"the case broke: {type(error).__name__}: {error}"
    engine.shell.deadline = time.monotonic() + slowness * _CLEAN_SECONDS
    try:
        engine.clean()
    except Failed as failure:
        verdict = FAILED
        reason = "; ".join(text for text in (reason, f"afterwards: {failure}") if text)
    return verdict, reason


def _logged_errors(log: Path | None, start: int) -> str:
    """The last errors that the engine's daemon logged from byte `start` on, to explain a failure."""
    if log is None:
        return ""
    with open(log, "rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    errors = [line for line in lines if "level=error" in line][-_LOGGED_ERRORS:]
    return f" | log: {' / '.join(errors)}" if errors else ""


def _write(writer: int, message: dict[str, Any]) -> None:
    os.write(writer, json.dumps(message).encode() + b"\n")


def _one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def select_cases(all_cases: dict[str, Cases[Any]], only: list[str]) -> Iterator[tuple[str, list[Case[Any]]]]:
    """The engines and cases that `only` (ENGINE or ENGINE:CASE) names; all if it is empty."""
    for name, cases in all_cases.items():
        chosen = [case for case in cases.all if not only or name in only or f"{name}:{case.name}" in only]
        if chosen:
            yield name, chosen


def without(chosen: Chosen, done: set[tuple[str, str]]) -> Chosen:
    """The chosen engines and cases, those that are done left out: the names of the engine and the case."""
    left = [(name, [case for case in cases if (name, case.name) not in done]) for name, cases in chosen]
    return [(name, cases) for name, cases in left if cases]
