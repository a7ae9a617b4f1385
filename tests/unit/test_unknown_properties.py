"""An unknown property in any object of a config is named, by the walk and by the quick look of `exec --process`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from helpers import whole_config

from pyoci.spec import bundle, unknown

WORD = "nobodyKnowsIt"
# objects whose members have any name
ANY_NAME = ["/annotations", "/linux/sysctl", "/linux/netDevices", "/linux/resources/rdma", "/linux/resources/unified"]


def objects(value: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield place, value
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from objects(member, f"{place}/{name}")


PLACES = [place for place, _ in objects(whole_config.everything()) if place not in ANY_NAME]
OF_PROCESS = [place for place in PLACES if place.startswith("/process")]


def with_word(place: str) -> dict[str, Any]:
    config = whole_config.everything()
    dict(objects(config))[place][WORD] = 1
    return config


@pytest.mark.parametrize("place", PLACES)
def test_the_walk_names_it(place: str) -> None:
    assert [line.partition(":")[0] for line in unknown.properties(with_word(place))] == [f"{place}/{WORD}"]


@pytest.mark.parametrize("place", OF_PROCESS)
def test_the_quick_look_finds_it(place: str) -> None:
    lines = bundle.unknown_of_process(with_word(place)["process"])
    assert [line.partition(":")[0] for line in lines] == [f"{place.removeprefix('/process')}/{WORD}"]


def test_known_ones_are_not_named() -> None:
    config = whole_config.everything()
    assert list(unknown.properties(config)) == []
    assert bundle.unknown_of_process(config["process"]) == []


@pytest.mark.parametrize("place", ANY_NAME)
def test_members_of_any_name(place: str) -> None:
    assert not [line for line in unknown.properties(with_word(place)) if line.startswith(f"{place}/{WORD}:")]
