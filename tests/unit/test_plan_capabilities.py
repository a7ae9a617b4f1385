"""`plan/capabilities.py`: names to masks, and what is left out with a warning."""

from __future__ import annotations

import pytest

from pyoci.kernel.uapi import CAPABILITIES
from pyoci.plan import capabilities
from pyoci.wire.plan import Capabilities

ALL = (1 << len(CAPABILITIES)) - 1
SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
# capability.h
NUMBERS = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_BPF": 39,
           "CAP_CHECKPOINT_RESTORE": 40}  # fmt: skip


def planned(sets: dict[str, list[str]], grantable: int = ALL) -> tuple[Capabilities, list[str]]:
    warnings: list[str] = []
    return capabilities.plan(sets, grantable, warnings), warnings


def test_nothing_is_nothing() -> None:
    assert planned({}) == (Capabilities(), [])


@pytest.mark.parametrize("name", NUMBERS)
def test_the_bit_of_a_name(name: str) -> None:
    made, warnings = planned({kind: [name] for kind in SETS})
    assert [getattr(made, kind) for kind in SETS] == [1 << NUMBERS[name]] * 5
    assert not warnings


@pytest.mark.parametrize("kind", ["bounding", "inheritable", "permitted"])
def test_each_set_for_itself(kind: str) -> None:
    made, warnings = planned({kind: ["CAP_KILL", "CAP_CHOWN"]})
    assert made == Capabilities(**{kind: 1 << 5 | 1})
    assert not warnings


@pytest.mark.parametrize("kind", SETS)
def test_an_unknown_name(kind: str) -> None:
    made, warnings = planned({**{key: ["CAP_KILL"] for key in SETS}, kind: ["CAP_NO", "CAP_KILL"]})
    assert getattr(made, kind) == 1 << 5
    assert warnings == [f"/process/capabilities/{kind}: ignoring unknown capability 'CAP_NO'"]


@pytest.mark.parametrize("kind", SETS)
def test_one_that_cannot_be_granted(kind: str) -> None:
    made, warnings = planned({key: ["CAP_KILL", "CAP_CHOWN"] for key in SETS}, ALL & ~(1 << 5))
    assert getattr(made, kind) == 1
    assert f"/process/capabilities/{kind}: CAP_KILL cannot be granted here, leaving it out" in warnings
    assert len(warnings) == 5


def test_effective_ones_are_permitted() -> None:
    made, warnings = planned({"effective": ["CAP_KILL", "CAP_CHOWN"], "permitted": ["CAP_KILL"]})
    assert (made.effective, made.permitted) == (1 << 5, 1 << 5)
    assert len(warnings) == 1
    assert "effective: CAP_CHOWN not in permitted" in warnings[0]


@pytest.mark.parametrize(
    ("permitted", "inheritable", "expected"),
    [(["CAP_KILL"], ["CAP_KILL"], 1 << 5), (["CAP_KILL"], [], 0), ([], ["CAP_KILL"], 0)],
)
def test_ambient_ones_are_permitted_and_inheritable(
    permitted: list[str], inheritable: list[str], expected: int
) -> None:
    made, warnings = planned({"ambient": ["CAP_KILL"], "permitted": permitted, "inheritable": inheritable})
    assert made.ambient == expected
    assert bool(warnings) == (not expected)


def test_names_of_a_mask() -> None:
    assert capabilities.names(1 << 5 | 1) == ["CAP_CHOWN", "CAP_KILL"]
    assert capabilities.names(0) == []
