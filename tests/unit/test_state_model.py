"""The record: what was written comes back, and nothing else is taken for it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from helpers import fake_init

from pyoci.errors import ConfigError, StateError
from pyoci.record import to_builtins
from pyoci.state import model


def changed(**fields: Any) -> bytes:
    values = to_builtins(fake_init.state("x"))
    for name, value in fields.items():
        values[name] = value
    return json.dumps(values).encode()


def test_round_trip() -> None:
    state = fake_init.state(
        "x",
        pid=2,
        pid_start=3,
        creator_pid=4,
        creator_start=5,
        own_pid_namespace=False,
        hooks={"poststop": [{"path": "/bin/true", "args": ["a", "\U0001f600"]}]},
    )
    assert model.from_bytes(model.to_bytes(state), "f") == state


def test_the_file_is_plain_json() -> None:
    document = json.loads(model.to_bytes(fake_init.state("x")))
    assert type(document.pop("config")) is str  # of another type than runc's, which then passes the entry over
    assert document == to_builtins(fake_init.state("x"))


def test_a_path_that_is_not_unicode_is_refused_when_written() -> None:
    with pytest.raises(ConfigError):
        model.to_bytes(fake_init.state("x", bundle="/\udcff"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 3),
        ("format", None),
        ("pid", "1"),
        ("pid", True),
        ("pid", -1),
        ("pid", 1 << 23),
        ("pid", 1.0),
        ("creator_pid", 1 << 70),
        ("pid_start", None),
        ("id", 1),
        ("bundle", []),
        ("own_pid_namespace", 1),
        ("cgroup", []),
        ("annotations", {"a": 1}),
        ("hooks", {"poststop": {}}),
        ("hooks", {"poststop": ["/bin/true"]}),
    ],
)
def test_a_wrong_value_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(StateError, match=f"^the file: .*({field.rstrip('s')}|version of pyoci)"):
        model.from_bytes(changed(**{field: value}), "the file")


@pytest.mark.parametrize("field", [field for field in model._TYPES if field not in model.ADDED])
def test_a_missing_field_is_refused(field: str) -> None:
    values = json.loads(changed())
    del values[field]
    with pytest.raises(StateError):
        model.from_bytes(json.dumps(values).encode(), "f")


@pytest.mark.parametrize("field", model.ADDED)
def test_a_record_from_before_a_field_was_added_is_read(field: str) -> None:
    values = json.loads(changed())
    del values[field]
    assert getattr(model.from_bytes(json.dumps(values).encode(), "f"), field) == model.State._defaults[field]


def test_every_field_is_written() -> None:
    assert list(model._TYPES) == list(model.State._defaults)


def test_now_is_rfc3339_with_nanoseconds() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", model.now())
