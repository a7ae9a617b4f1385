"""Numbers of cgroup v1 as those of v2, at the edges."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyoci.cgroups import convert
from pyoci.errors import CgroupError


@pytest.mark.parametrize(
    ("shares", "weight"),
    [(2, 1), (3, 2), (512, 59), (1024, 100), (2048, 174), (262144, 10000), (0, 1), (1, 1), (1 << 40, 10000)],
)
def test_cpu_shares_become_a_weight(shares: int, weight: int) -> None:
    assert convert.cpu_weight(shares) == weight


@given(st.integers(2, 262144), st.integers(2, 262144))
def test_more_shares_are_never_less_weight(one: int, other: int) -> None:
    lower, higher = sorted((one, other))
    assert 1 <= convert.cpu_weight(lower) <= convert.cpu_weight(higher) <= 10000


def test_the_default_becomes_the_default() -> None:
    assert convert.cpu_weight(1024) == 100


@given(st.integers(3, 262143))
def test_the_curve_is_that_of_runc_and_crun(shares: int) -> None:
    power = math.log2(shares)
    assert convert.cpu_weight(shares) == math.ceil(10 ** ((power**2 + 125 * power) / 612 - 7 / 34))


@pytest.mark.parametrize(("weight", "converted"), [(10, 1), (11, 11), (500, 4950), (999, 9989), (1000, 10000)])
def test_block_io_weights_become_io_weights(weight: int, converted: int) -> None:
    assert convert.io_weight(weight) == converted


@pytest.mark.parametrize(
    ("swap", "limit", "expected"),
    [
        (-1, None, "max"),
        (-1, 100, "max"),
        (100, 100, "0"),
        (101, 100, "1"),
        (5, 0, "5"),
        (2**63 - 1, 1, str(2**63 - 2)),
    ],
)
def test_memory_and_swap_together_become_swap_alone(swap: int, limit: int | None, expected: str) -> None:
    assert convert.swap_max(swap, limit) == expected


@pytest.mark.parametrize(("value", "text"), [(-1, "max"), (0, "0"), (1, "1")])
def test_a_maximum(value: int, text: str) -> None:
    assert convert.maximum(value) == text


@pytest.mark.parametrize(("swap", "limit"), [(99, 100), (100, None), (100, -1)])
def test_swap_without_room_for_memory_is_refused(swap: int, limit: int | None) -> None:
    with pytest.raises(CgroupError, match=f"memory.swap: {swap} "):
        convert.swap_max(swap, limit)
