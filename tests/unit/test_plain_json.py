"""plainjson stands in for CPython's `_json` where that is gone: the same values, the same refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyoci import jsontext, plainjson
from pyoci.errors import ConfigError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = jsontext._codec()
    monkeypatch.setattr(codec, "scan", plainjson.Scanner(jsontext._Reading))
    monkeypatch.setattr(codec, "encode", plainjson.encode)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])  # a busy machine
@given(VALUES)
def test_reads_what_json_writes(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert plainjson.Scanner(jsontext._Reading)(text, 0) == (value, len(text))


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])  # a busy machine
@given(VALUES)
def test_writes_what_json_writes(value: Any) -> None:
    assert "".join(plainjson.encode(value, 0)) == json.dumps(value, separators=(",", ":"))


REFUSED = [
    "{", "[", '"', '"\\', '"\\x"', '"\\u12', '"\\u12g4"', '"\n"', "{1:2}", '{"a"}', '{"a" 1}', '{"a":}',
    '{"a":1 "b"}', "[1 2]", "[,]", "nul", "tru", "-", "+1", ".5", "'a'", "NaN", "-Infinity", "1e999",
    '{"a":1,"a":2}', "1 2", "[1,2]]", "", "{" * 200, "[" * 100000, '"\\ud800"', '"\\u0000"',
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_refuses_with_the_same_words(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for stand_in in (False, True):
        if stand_in:
            codec = jsontext._codec()
            monkeypatch.setattr(codec, "scan", plainjson.Scanner(jsontext._Reading))
        with pytest.raises(ConfigError) as refused:
            jsontext.loads(text.encode(), what="config")
        said.append(str(refused.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("text", ["[1,]", '{"a":1,}'])
@pytest.mark.usefixtures("plain")
def test_a_trailing_comma_is_refused(text: str) -> None:
    """CPython 3.13 has other words for it than 3.11."""
    with pytest.raises(ConfigError, match="not JSON"):
        jsontext.loads(text.encode(), what="config")


@pytest.mark.usefixtures("plain")
def test_state_of_a_container_survives() -> None:
    state = {
        "id": "a\u20acb\U0001f600",
        "pid": 7,
        "created": "2026-01-01T00:00:00Z",
        "none": None,
        "x": [1.5, True, {}],
    }
    assert jsontext.loads(jsontext.dumps(state).encode(), what="state") == state


def test_it_imports_nothing() -> None:
    source = Path(plainjson.__file__).read_text()
    assert [line for line in source.splitlines() if line.startswith(("import ", "from "))] == [
        "from __future__ import annotations"
    ]
