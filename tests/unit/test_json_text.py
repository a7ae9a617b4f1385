"""JSON text: what `json` would take and a runtime must not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyoci import jsontext
from pyoci.errors import ConfigError

SPACES = st.text(" \t\r\n", max_size=3)
STRINGS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "line 1 column 2: expecting property name"),
        (b'{"a":\n', "line 2 column 1: needs a value here"),
        (b"nul", "line 1 column 1: needs a value here"),
        (b'{"a": tru}', "line 1 column 7: needs a value here"),
        (b'["a', "line 1 column 2: unterminated string"),
        (b"[1,]", "needs a value here / illegal trailing comma"),
        (b'{"a":1,}', "expecting property name / illegal trailing comma"),
        (b"{} {}", "line 1 column 4: must end here, before '{}'"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\xff\xfe{\0}\0", "not UTF-8: byte 0 is 0xff"),
        (b'{"a": "\xe9"}', "not UTF-8: byte 7 is 0xe9"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"[NaN]", "NaN is not a JSON number"),
        (b"[Infinity]", "Infinity is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not a JSON number"),
        (b"[1e999]", "number 1e999 is out of range"),
        (b"[" + b"9" * 5000 + b"]", "too many digits"),
        (b"[01]", "delimiter"),
        (b'{"a":1,"b":2,"a":3}', "key 'a' is given twice"),
        (b'[{"x":{"a":1,"\\u0061":2}}]', "key 'a' is given twice"),
        (b'["\\u0000"]', "NUL or half a surrogate pair"),
        (b'{"\\u0000":1}', "NUL or half a surrogate pair"),
        (b'["x\0"]', "invalid control character"),
        (b'["\x1f"]', "invalid control character"),
        (b'["\\ud800"]', "NUL or half a surrogate pair"),
        (b'["\\udc00\\ud800"]', "NUL or half a surrogate pair"),
        (b'[{"a":["\\udfff"]}]', "NUL or half a surrogate pair"),
        (b'["\\x41"]', "invalid \\escape"),
        (b"[" * 200 + b"]" * 200, "nested deeper than 128 levels"),
        (b"[" * 129 + b"]" * 129, "nested deeper than 128 levels"),
        (b'{"a":' * 100_000, "nested deeper than 128 levels"),
        (b"[" * 1_000_000, "nested deeper than 128 levels"),
    ],
    ids=range(34),
)
def test_refuses(data: bytes, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        jsontext.loads(data, what="config.json")
    message = str(raised.value)
    assert message.startswith("config.json: ")
    assert any(one in message for one in words.split(" / "))  # the second are Python 3.13's
    assert len(message) < 200
    assert "\n" not in message


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'\r\n\t {"a" : [1, -2, true, false, null]} \n', {"a": [1, -2, True, False, None]}),
        (b'"\\ud83d\\ude00\\u00e9"', "😀é"),
        (b'"\\\\u0000"', "\\u0000"),
        ('"\ufeff\u2028"'.encode(), "\ufeff\u2028"),
        (b"18446744073709551616", 18446744073709551616),
        (b"-0", 0),
        (b"[" * 128 + b"]" * 128, None),
        (b"[" + b"[]," * 1000 + b"[]]", [[]] * 1001),
    ],
)
def test_accepts(data: bytes, value: Any) -> None:
    read = jsontext.loads(data, what="x")
    assert value is None or read == value


@pytest.mark.parametrize("data", [b"1e3", b"1.0", b"1E+2", b"-0.0"])
def test_number_with_fraction_or_exponent_is_a_float(data: bytes) -> None:
    assert type(jsontext.loads(data, what="x")) is float


def test_limit_is_in_bytes() -> None:
    assert jsontext.loads(b'"1234"', what="x", limit=6) == "1234"
    with pytest.raises(ConfigError, match="x: larger than 5 bytes"):
        jsontext.loads(b'"1234"', what="x", limit=5)


@settings(deadline=None)
@given(value=VALUES, before=SPACES, after=SPACES)
def test_round_trip_and_agreement_with_json(value: Any, before: str, after: str) -> None:
    for text in (jsontext.dumps(value), jsontext.pretty(value), json.dumps(value, ensure_ascii=False)):
        assert jsontext.loads((before + text + after).encode(), what="x") == value
    assert jsontext.dumps(value) == json.dumps(value, separators=(",", ":"))
    assert jsontext.pretty(value) == json.dumps(value, indent=2)
    assert jsontext.dumps(value).isascii()


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=30), st.text('{}[]":,0-9.eE\\u \ttrufalsn\ufeff', max_size=30).map(str.encode)))
def test_anything_is_read_or_refused(data: bytes) -> None:
    try:
        value = jsontext.loads(data, what="x")
    except ConfigError:
        return
    assert json.loads(data) == value


@pytest.mark.parametrize("value", ["\udcff", {"\udcff": 1}, ["a", {"b": "x\ud800"}]])
def test_dumps_refuses_what_is_not_unicode(value: Any) -> None:
    with pytest.raises(ConfigError, match="not UTF-8"):
        jsontext.dumps(value)


def test_dumps_takes_what_only_looks_like_a_surrogate() -> None:
    assert jsontext.dumps("😀\\udcff") == '"\\ud83d\\ude00\\\\udcff"'


def test_dumps_takes_nul() -> None:
    assert jsontext.dumps("\0😀") == '"\\u0000\\ud83d\\ude00"'


def test_dumps_refuses_what_json_does_not_have() -> None:
    with pytest.raises(TypeError, match="bytes has no JSON form"):
        jsontext.dumps([b""])
    with pytest.raises(ValueError, match="JSON compliant"):
        jsontext.dumps(float("nan"))


def test_pretty_indents_as_asked() -> None:
    assert jsontext.pretty({"a": [1], "b": {}, "c": []}, "\t") == '{\n\t"a": [\n\t\t1\n\t],\n\t"b": {},\n\t"c": []\n}'


def in_fresh_python(*lines: str) -> str:
    code = "\n".join(["import sys", f"sys.path.insert(0, {str(Path(jsontext.__file__).parents[1])!r})", *lines])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_imports_no_json_and_no_re() -> None:
    assert (
        in_fresh_python(
            "from pyoci import jsontext",
            "jsontext.loads(jsontext.dumps({'a': [1.5]}).encode(), what='x')",
            "print([name for name in ('json', 're', 'enum', 'codecs_') if name in sys.modules])",
        )
        == "[]"
    )


def test_words_a_syntax_error_without_json_loaded() -> None:
    # CPython 3.11 looks for the error's class in sys.modules only.
    assert "expecting property name" in in_fresh_python(
        "from pyoci import jsontext",
        "try: jsontext.loads(b'{', what='x')",
        "except jsontext.ConfigError as error: print(error)",
    )


def test_works_without_the_c_half() -> None:
    assert in_fresh_python(
        "sys.modules['_json'] = None",
        "from pyoci import jsontext",
        "print(jsontext.dumps(jsontext.loads(b'{\"a\": [1, \"\\\\u00e9\"]}', what='x')))",
        "for text in (b'[NaN]', b'{\"a\":1,\"a\":2}', b'[', b'[' * 99999):",
        "    try: jsontext.loads(text, what='x')",
        "    except jsontext.ConfigError as error: print('refused')",
    ).split("\n") == ['{"a":[1,"\\u00e9"]}', *["refused"] * 4]
