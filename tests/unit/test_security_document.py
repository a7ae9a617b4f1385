"""SECURITY.md: each promise names the tests that try it, and each test in tests/security is named."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = re.compile(r"`(?:tests/\w+/)?(test_\w+\.py)`")


def files(*folders: str) -> set[str]:
    return {path.name for folder in folders for path in (ROOT / "tests" / folder).glob("test_*.py")}


def test_each_promise_names_a_test() -> None:
    section = TEXT.partition("## What holds\n")[2].partition("\n## ")[0]
    promises = re.split(r"^- ", section, flags=re.MULTILINE)[1:]
    assert len(promises) > 10
    without = [promise.partition(":")[0] for promise in promises if not NAMED.search(promise)]
    assert not without


def test_each_advisory_names_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith(("| CVE-", "| GHSA-"))]
    assert len(rows) > 30
    assert not [row for row in rows if not NAMED.search(row)]


def test_named_tests_are_there() -> None:
    assert {*NAMED.findall(TEXT)} <= files("security", "integration", "unit")


def test_each_attack_is_named() -> None:
    assert files("security") <= {*NAMED.findall(TEXT)}
