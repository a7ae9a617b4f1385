"""Lists of CPUs and memory nodes."""

from __future__ import annotations

import pytest

from pyoci import number_list

LISTS: dict[str, list[int]] = {
    "": [],
    ",": [],
    "0": [0],
    "0-2,7": [0, 1, 2, 7],
    " 1 , 3-4 ": [1, 3, 4],
    "8191": [8191],
    "5-5": [5],
    "7,1": [7, 1],
}
BROKEN = ["a", "1-", "-1", "3-1", "8192", "0-8192", "\u0661", "1--2", "0-9999999", "9" * 5000, "0x1", "+1"]


@pytest.mark.parametrize(("text", "numbers"), LISTS.items())
def test_numbers(text: str, numbers: list[int]) -> None:
    assert number_list.parse(text) == numbers


@pytest.mark.parametrize("part", BROKEN, ids=range(len(BROKEN)))
def test_what_is_broken_is_named(part: str) -> None:
    for text in (part, f"1,{part},2"):
        with pytest.raises(ValueError) as error:
            number_list.parse(text)
        assert str(error.value) == part


def test_a_limit_of_its_own() -> None:
    assert number_list.parse("0-3", 4) == [0, 1, 2, 3]
    with pytest.raises(ValueError):
        number_list.parse("0-4", 4)
