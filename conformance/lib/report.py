"""The outcomes of cases: printed, as a table, as JSON and as JUnit XML."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

PASSED = "ok"
FAILED = "not ok"
SKIPPED = "skipped"


@dataclass(frozen=True)
class Outcome:
    """One case's verdict; `reason` is empty if it passed."""

    engine: str
    case: str
    verdict: str
    reason: str
    seconds: float


def line(outcome: Outcome) -> str:
    """The line that is printed when a case ends."""
    reason = f": {outcome.reason}" if outcome.reason else ""
    return f"{outcome.engine + ':' + outcome.case:34} {outcome.verdict:7} {outcome.seconds:5.1f} s{reason}"


def table(outcomes: list[Outcome]) -> str:
    """Engine x case x verdict, and the totals."""
    engines = max(len(outcome.engine) for outcome in outcomes)
    cases = max(len(outcome.case) for outcome in outcomes)
    rows = [f"{'engine':{engines}}  {'case':{cases}}  verdict"]
    rows += [f"{o.engine:{engines}}  {o.case:{cases}}  {o.verdict}" for o in outcomes]
    verdicts = [outcome.verdict for outcome in outcomes]
    rows.append(", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in (PASSED, FAILED, SKIPPED)))
    return "\n".join(rows)


def save(outcomes: list[Outcome], facts: dict[str, object], path: Path) -> None:
    """Write the run as JSON: at every moment the file has a whole run, the former one or this."""
    document = {**facts, "cases": [asdict(outcome) for outcome in outcomes]}
    text = json.dumps(document, indent=1) + "\n"
    if path.exists() and not path.is_file():  # a pipe or a terminal, which is no file to put another one in place of
        path.write_text(text)
        return
    target = path.resolve()
    new = target.with_name(f".{target.name}.new")
    new.write_text(text)
    new.replace(target)


def junit(outcomes: list[Outcome], path: Path) -> None:
    """Write the run as JUnit XML, one suite per engine."""
    root = ElementTree.Element("testsuites")
    for engine in dict.fromkeys(outcome.engine for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.engine == engine]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=engine,
            tests=str(len(own)),
            failures=str(sum(outcome.verdict == FAILED for outcome in own)),
            skipped=str(sum(outcome.verdict == SKIPPED for outcome in own)),
            time=f"{sum(outcome.seconds for outcome in own):.1f}",
        )
        for outcome in own:
            case = ElementTree.SubElement(
                suite, "testcase", classname=engine, name=outcome.case, time=f"{outcome.seconds:.1f}"
            )
            kind = {FAILED: "failure", SKIPPED: "skipped"}.get(outcome.verdict)
            if kind:
                ElementTree.SubElement(case, kind, message=outcome.reason)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
