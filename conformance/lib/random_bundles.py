"""The command `conformance/random-bundles`."""

from __future__ import annotations

import argparse
import collections
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from lib import random_changes, random_host, random_known, random_run
from lib.cell import Cell
from lib.random_case import Case

_DESCRIPTION = """\
Run random bundles, valid and almost valid ones, by several runtimes, and compare what the containers see.

All that is done happens in a cell (lib/cell.py): nothing of it is left afterwards. Needs root and a static
busybox. Differences that random_known.py explains are counted; the others are reduced to the changes of the
bundle that they need, and printed.
"""

_Differences = dict[str, list[str]]


def main(argv: list[str]) -> int:
    """Run the command; returns its exit status: 0 where nothing differs without an explanation."""
    parser = argparse.ArgumentParser(
        prog="conformance/random-bundles",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runtime", metavar="PATH", required=True, help="the runtime to test")
    parser.add_argument("--against", metavar="PATH", required=True, help="the runtime to compare it with")
    parser.add_argument("--third", metavar="PATH", help="a third opinion, shown beside each difference")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="the first bundle's seed (1)")
    parser.add_argument("--count", metavar="N", type=int, default=100, help="how many bundles (100)")
    parser.add_argument("--seconds", metavar="N", type=float, default=3600, help="stop after so long (3600)")
    parser.add_argument("--log", metavar="FILE", type=Path, help="write every difference as a line of JSON")
    parser.add_argument(
        "--show", action="store_true", help="print the bundle and all that is seen, and compare nothing"
    )
    arguments = parser.parse_args(argv)
    paths = [arguments.runtime, arguments.against, *([arguments.third] if arguments.third else [])]
    runtimes = [str(Path(shutil.which(path) or path).absolute()) for path in paths]
    log = os.open(arguments.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644) if arguments.log else -1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with Cell("random", keep=[*runtimes, __file__], unified=False) as cell:
        cell.start(lambda: _compare_all(arguments, runtimes, log))
        status = cell.wait(arguments.seconds + 120)
    return 2 if status is None else status


def _compare_all(arguments: argparse.Namespace, runtimes: list[str], log: int) -> int:
    random_host.prepare()
    explained: collections.Counter[str] = collections.Counter()
    equal = differing = count = 0
    deadline = time.monotonic() + arguments.seconds
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        if time.monotonic() > deadline:
            break
        case = random_changes.make(seed)
        if arguments.show:
            print(case.text())
        first, second = (random_run.run(case, runtime) for runtime in runtimes[:2])
        if arguments.show:
            print(json.dumps({"case": vars(case), "first": first, "second": second}, indent=1, default=str))
            continue
        count += 1
        rules, found = _differences(case, first, second)
        explained.update(rules)
        if not found:
            equal += not rules
            continue
        differing += 1
        reduced = _reduce(seed, runtimes, set(found))
        case = random_changes.make(seed, reduced)
        seen = [random_run.run(case, runtime) for runtime in runtimes]
        _, found = _differences(case, *seen[:2])
        _report(case, found, seen, log)
    print(
        f"{count} bundles: {equal} the same, {count - equal - differing} with differences that are explained, "
        f"{differing} with others"
    )
    for rule, times in explained.most_common():
        print(f"{times:6} {rule}")
    return int(bool(differing))


def _differences(case: Case, first: dict[str, str], second: dict[str, str]) -> tuple[set[str], _Differences]:
    """The rules that explain differences, and the differences that none explains."""
    rules: set[str] = set()
    found: _Differences = {}
    for name in sorted({*first, *second}):
        if name.startswith("words ") or (first.get(name) == second.get(name) and name != "run failed"):
            continue
        pair = (first.get(name, "-"), second.get(name, "-"))
        rule = random_known.rule(case, name, first, second)
        if rule:
            rules.add(rule)
        else:
            found[name] = list(pair)
    return rules, found


def _reduce(seed: int, runtimes: list[str], names: set[str]) -> frozenset[int]:
    """The changes that one of the differences `names` does not need."""
    without: frozenset[int] = frozenset()
    for change in random_changes.make(seed).changes:
        fewer = without | {int(change.partition(":")[0])}
        case = random_changes.make(seed, fewer)
        if not case.changes:
            continue
        _, found = _differences(case, *(random_run.run(case, runtime) for runtime in runtimes[:2]))
        if names & set(found):
            without = fewer
    return without


def _report(case: Case, found: _Differences, seen: list[dict[str, str]], log: int) -> None:
    print(f"seed {case.seed} ({' '.join(case.changes)})")
    refused = {name: pair for name, pair in found.items() if name in {"status create", "status run"}}
    found = refused or found  # all else follows from it
    for name, pair in list(found.items())[:12]:
        third = [seen[2].get(name, "-")] if len(seen) > 2 else []
        print(f"  {name}: " + " | ".join(value[:160] for value in (*pair, *third)))
    words = [{name: text for name, text in one.items() if name.startswith("words ")} for one in seen]
    for number, one in enumerate(words):
        for name, text in one.items():
            print(f"    {number} {name}: {text[:300]}")
    sys.stdout.flush()
    if log >= 0:
        line = {"seed": case.seed, "changes": case.changes, "differences": found, "words": words, "steps": case.steps}
        line["config"] = case.text()
        os.write(log, json.dumps(line, default=str).encode() + b"\n")
