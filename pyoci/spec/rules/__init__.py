"""Demands of the specification that a schema cannot say: small pure rules, by section of the config.

A rule takes a config that its schema has accepted and yields problems: a JSON pointer, the value found
(`MISSING` when there is none) and the requirement (`words.line`). Its docstring is the sentence it holds, from
config.md or config-linux.md unless it names another source.

`namespaces`, `mounts`, `process` and `sizes` are imported for every config, `linux` (its other sections) and
`resources` only where the config has what they look at.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    Config = dict[str, Any]
    Problem = tuple[str, object, str]
    Rule = Callable[[Config], Iterator[Problem]]

# The sections that rules/linux.py and rules/resources.py look at. A table, since asking the rules would load them for
# every config; tests/unit/test_rules.py fails where one is missing or too many.
_RESOURCES = ("blockIO", "cpu", "hugepageLimits", "memory", "rdma", "unified")
_LINUX_SECTIONS = (
    "cgroupsPath",
    "devices",
    "intelRdt",
    "memoryPolicy",
    "netDevices",
    "personality",
    "seccomp",
    "sysctl",
    "timeOffsets",
)


class _Missing:
    """No value at all."""


MISSING = _Missing()


def check(config: Config) -> list[str]:
    """The problems for which `create` must refuse the config, a line each."""
    return lines(problems(config))


def check_what_can_be(config: Config) -> list[str]:
    """`check` for a config that its schema has refused: a rule stops at a value it cannot read."""
    problems: list[Problem] = []
    for rule in _rules(config, whole=True):
        try:
            problems.extend(rule(config))
        except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError):
            continue  # it looked into what the schema has already named
    return lines(problems)


def warnings(config: Config) -> list[str]:
    """Deprecated and suspicious values, a line each."""
    return lines(_suspicions(config))


def first_warnings(config: Config) -> list[str]:
    """The first of `warnings` for each requirement, with the number of the others: there may be hundreds."""
    rows = list(_suspicions(config))
    if not rows:
        return []
    first: dict[str, Problem] = {}
    for row in rows:
        first.setdefault(row[2], row)
    numbers = [sum(row[2] == expected for row in rows) - 1 for expected in first]
    return [
        f"{line} ({number} more: see `pyoci validate`)" if number else line
        for line, number in zip(lines(first.values()), numbers, strict=True)
    ]


def _suspicions(config: Config) -> Iterator[Problem]:
    from pyoci.spec.rules import advice

    return (problem for rule in advice.RULES for problem in rule(config))


def check_process(process: dict[str, Any]) -> list[str]:
    """The problems of a process alone, as `exec` takes it; pointers start at the process."""
    from pyoci.spec.rules import process as section

    problems = (problem for rule in section.RULES for problem in rule({"process": process}))
    return lines((place.removeprefix("/process"), value, expected) for place, value, expected in problems)


def problems(config: Config) -> Iterator[Problem]:
    """All problems, in the order of the rules."""
    for rule in _rules(config):
        yield from rule(config)


def lines(problems: Iterable[Problem]) -> list[str]:
    rows = list(problems)
    if not rows:
        return []
    from pyoci.spec import words  # only now: a good config has nothing to say

    return [
        words.line(place, words.NO_VALUE if value is MISSING else words.show(value), expected)
        for place, value, expected in rows
    ]


def _rules(config: Config, whole: bool = False) -> Iterator[Rule]:
    """The rules that have something to look at; all of them with `whole`."""
    from pyoci.spec.rules import mounts, namespaces, process, sizes

    yield from namespaces.RULES
    yield from mounts.RULES
    yield from process.RULES
    yield from sizes.RULES
    linux = {} if whole else config.get("linux", {})
    if whole or any(section in linux for section in _LINUX_SECTIONS):
        from pyoci.spec.rules import linux as sections

        yield from sections.RULES
    limits = linux.get("resources", {})
    if whole or any(section in limits for section in _RESOURCES):
        from pyoci.spec.rules import resources

        yield from resources.RULES


def namespaces_of(config: Config) -> dict[str, str | None]:
    """Type to path, None for a new one. Of a type given twice the first counts; another rule refuses it."""
    paths: dict[str, str | None] = {}
    for namespace in config.get("linux", {}).get("namespaces", ()):
        paths.setdefault(namespace["type"], namespace.get("path") or None)
    return paths


def escape(key: str) -> str:
    """A key as part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")
