"""A number that the specification requires and a config lacks is refused, since 0 is another value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from helpers.whole_config import everything

from pyoci.errors import ConfigError
from pyoci.spec import rules
from pyoci.spec.bundle import check_document

_MAPPING = ("containerID", "hostID", "size")
_THROTTLE = ("major", "minor", "rate")
REQUIRED = [
    *(f"/mounts/{{}}/{ids}/0/{name}" for ids in ("uidMappings", "gidMappings") for name in _MAPPING),
    *(f"/linux/{ids}/0/{name}" for ids in ("uidMappings", "gidMappings") for name in _MAPPING),
    *(f"/process/rlimits/0/{name}" for name in ("soft", "hard")),
    *(f"/linux/devices/0/{name}" for name in ("major", "minor")),
    *(
        f"/linux/resources/blockIO/throttle{what}Device/0/{name}"
        for what in ("ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS")
        for name in _THROTTLE
    ),
    *(f"/linux/resources/blockIO/weightDevice/0/{name}" for name in ("major", "minor")),
    "/linux/resources/hugepageLimits/0/limit",
    "/linux/resources/network/priorities/0/priority",
    "/linux/seccomp/syscalls/{}/args/0/index",
    "/linux/seccomp/syscalls/{}/args/0/value",
]
OF_ZERO = [
    "/process/user/uid",
    "/process/user/gid",
    "/process/ioPriority/priority",
    "/process/consoleSize/height",
    "/process/consoleSize/width",
]


@pytest.mark.parametrize("place", REQUIRED)
def test_it_is_refused(place: str) -> None:
    config = everything()
    del_number(config, place)
    with pytest.raises(ConfigError):
        check(config)


@pytest.mark.parametrize("place", OF_ZERO)
def test_engines_leave_these_out(place: str) -> None:
    config = everything()
    del_number(config, place)
    check(config)
    assert any(line.startswith(f"{place}: ") and line.endswith("0 is used") for line in rules.warnings(config))


def check(config: dict[str, Any]) -> None:
    check_document(config, "config")
    problems = rules.check(config)
    if problems:
        raise ConfigError(problems)


def del_number(config: dict[str, Any], place: str) -> None:
    """Remove the number at `place`; {} stands for the entries that have it."""
    *parents, name = place.strip("/").split("/")
    found = [node for node in nodes(config, parents) if name in node]
    assert found
    for node in found:
        del node[name]


def nodes(node: Any, parents: list[str]) -> Iterator[dict[str, Any]]:
    if not parents:
        yield node
    elif parents[0] == "{}":
        for entry in node:
            yield from nodes(entry, parents[1:])
    else:
        below = node[int(parents[0])] if isinstance(node, list) else node.get(parents[0])
        if below is not None:
            yield from nodes(below, parents[1:])
