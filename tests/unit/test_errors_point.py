"""Every error of a config names the place, as a JSON pointer that leads somewhere, and the value."""

from __future__ import annotations

import builtins
import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.whole_config import everything

from pyoci import cgroups, errors
from pyoci.cgroups import limits, systemd_annotations, systemd_units
from pyoci.errors import PyociError
from pyoci.plan.build import build
from pyoci.plan.facts import Facts
from pyoci.plan.request import Request
from pyoci.spec import bundle as bundles

FACTS = Facts(uid=0, gid=0, capabilities=(1 << 41) - 1, apparmor=True, selinux=True)
CLASSES = {name for scope in (builtins, errors) for name, value in vars(scope).items() if isinstance(value, type)}
LONG = "zq" * 20_000
HUGE = 10**30 + 7
TEXTS = ("zq", "", "a\nb", LONG)
NUMBERS = (-5, HUGE)
OTHERS = (7, "zq", ["zq"], {"zq": 1}, True)  # of another type: one for each leaf, in turn
Path = tuple["str | int", ...]


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from leaves(member, (*path, key))
    if not isinstance(value, (dict, list)):
        yield path, value


def wrong_values() -> Iterator[tuple[Path, Any]]:
    for number, (path, value) in enumerate(leaves(EVERYTHING)):
        other = OTHERS[number % len(OTHERS)]
        if type(other) is not type(value):
            yield path, other
        for wrong in TEXTS if isinstance(value, str) else NUMBERS if type(value) is int else ():
            yield path, wrong


def changed(config: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(config)
    place: Any = made
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return made


def renamed(config: dict[str, Any], path: Path, name: str) -> dict[str, Any]:
    made = copy.deepcopy(config)
    place: Any = made
    for part in path[:-1]:
        place = place[part]
    place[name] = place.pop(path[-1])
    return made


def apply(config: dict[str, Any], unified: bool) -> None:
    """What create decides before it touches anything."""
    plan = build(config, Request(container_id="c", bundle="/b"), FACTS)
    limits.of_new_group(plan.resources, unified=unified)
    cgroups._checked(plan.cgroups_path)
    systemd_annotations.properties(plan.annotations)
    systemd_units.parse(None, "c", user=False)


def problems_of(config: dict[str, Any]) -> list[str]:
    """By the schema and the rules, as validate and create say them; else by the plan."""
    found = bundles.all_problems(config)
    for unified in (True, False):
        try:
            if not found:
                apply(config, unified)
        except PyociError as error:
            found.append(str(error))
    return found


POINTER = re.compile(r"^((?:/(?:[^/:, \n]|~[01])*)+)(?=[:, ]|$)")


def leads_somewhere(config: Any, words: str) -> bool:
    """Whether it begins with a pointer into the document, or to a member that its parent lacks."""
    if words.startswith(("config: ", "config.json: ")):
        return False
    found = POINTER.match(words)
    if not found:
        return False
    parts = [part.replace("~1", "/").replace("~0", "~") for part in found[1].split("/")[1:]]
    for number, part in enumerate(parts):
        if isinstance(config, dict):
            if part not in config:
                return number == len(parts) - 1
            config = config[part]
        elif isinstance(config, list):
            if not part.isdigit() or int(part) >= len(config):
                return False
            config = config[int(part)]
        else:
            return False
    return True


def shows(words: str, value: Any) -> bool:
    """Whether the value is in it, of a long one the beginning."""
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return str(value)[:12] in words
    if isinstance(value, str):
        return value in ("", "a\nb", "\ud800") or value[:12] in words
    return True


def faults(config: dict[str, Any], path: Path, value: Any) -> Iterator[str]:
    for words in map(errors.bounded, problems_of(config)):
        clean = words.replace("zq", "")
        if len(words) > 3100:
            yield "too long"
        if not leads_somewhere(config, words):
            yield f"no pointer: {words[:200]!r}"
        pointer = "/" + "/".join(map(str, path))
        if re.match(rf"{re.escape(pointer)}[:, ]", words) and not shows(words, value):
            yield f"no value: {words[:200]!r}"
        names = re.findall(r"[A-Z][A-Za-z]+", clean)
        yield from (f"a class: {name} in {words[:200]!r}" for name in names if name in CLASSES)


EVERYTHING = everything()


def test_what_is_changed_is_right_before() -> None:
    """Except that cgroup v2 has no leafWeight, among others."""
    assert [words for words in problems_of(EVERYTHING) if "cgroup v2 has nothing like it" not in words] == []


@pytest.mark.thorough
def test_a_value_that_is_wrong() -> None:
    bad = set()
    for path, value in wrong_values():
        for fault in faults(changed(EVERYTHING, path, value), path, value):
            bad.add(f"/{'/'.join(map(str, path))} = {value!r:.20}: {fault}")
    assert not bad, "\n".join(sorted(bad))


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["", "zq", LONG, "a/b~c", "a b: c"])
def test_a_name_that_is_wrong(name: str) -> None:
    bad = set()
    for path, _ in leaves(EVERYTHING):
        if isinstance(path[-1], str):
            config = renamed(EVERYTHING, path, name)
            bad |= {f"/{'/'.join(map(str, path))}: {fault}" for fault in faults(config, (*path[:-1], name), None)}
    assert not bad, "\n".join(sorted(bad))
