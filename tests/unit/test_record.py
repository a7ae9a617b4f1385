"""record.py and _record.c: plain data with names."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import pyoci
from pyoci.record import Record, to_builtins


class Size(Record):
    width: int
    unit: str = "mm"


class Box(Size):
    inner: Size | None = None
    names: tuple[str, ...] = ()


def test_fields_have_their_keywords_or_defaults() -> None:
    box = Box(width=3, names=("a",))
    assert (box.width, box.unit, box.inner, box.names) == (3, "mm", None, ("a",))


@pytest.mark.parametrize(
    "make, words",
    [
        (Size, "Size: field 'width' is missing"),
        (lambda: Box(unit="m"), "Box: field 'width' is missing"),  # type: ignore[call-arg]
        (lambda: Size(width=1, height=2), "Size: unknown field 'height'"),  # type: ignore[call-arg]
        (lambda: Size(1), "Size: takes keywords only"),  # type: ignore[call-arg]
    ],
)
def test_a_record_that_cannot_be_is_a_fault_of_the_caller(make: Any, words: str) -> None:
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value) == words


def test_records_are_equal_by_field_and_kind() -> None:
    assert Box(width=1) == Box(width=1)
    assert Box(width=1) != Box(width=2)
    assert Size(width=1) != Box(width=1)


def test_a_record_has_no_room_for_anything_else() -> None:
    with pytest.raises(AttributeError):
        Size(width=1).height = 2  # type: ignore[attr-defined]


def test_records_become_builtins() -> None:
    box = Box(width=1, inner=Size(width=2), names=("a", "b"))
    assert to_builtins({"box": [box]}) == {
        "box": [{"width": 1, "unit": "mm", "inner": {"width": 2, "unit": "mm"}, "names": ["a", "b"]}]
    }


def records() -> Iterator[type[Record]]:
    for module in pkgutil.walk_packages(pyoci.__path__, "pyoci."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds = [Record]
    while kinds:
        kind = kinds.pop()
        yield kind
        kinds += kind.__subclasses__()


def test_no_default_can_be_changed() -> None:
    """It would be changed for all records."""
    defaults = {
        f"{kind.__module__}.{kind.__name__}.{field}": value
        for kind in records()
        for field, value in kind._defaults.items()
    }
    assert len(defaults) > 100
    harmless = (str, bytes, int, float, bool, tuple, frozenset, type(None), type(...))
    changeable = {name: value for name, value in defaults.items() if not isinstance(value, harmless)}
    assert not changeable, "use None or a tuple"


def test_fields_are_let_go_with_the_record() -> None:
    import sys

    value = ("x" * 50,)
    before = sys.getrefcount(value)
    for _ in range(10):
        Box(width=1, names=value)
        with pytest.raises(TypeError):
            Box(width=1, names=value, other=value)  # type: ignore[call-arg]
    assert sys.getrefcount(value) == before
