"""criu's RPC as bytes: protobuf.dev/programming-guides/encoding, and the numbers of criu's rpc.proto."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyoci.criu import codec, rpc
from pyoci.criu.codec import BOOL, INT, TEXT, Message, Repeated
from pyoci.errors import CriuError

SAMPLE = Message(
    number=(1, INT), text=(2, TEXT), truth=(3, BOOL), inner=(4, Message(number=(1, INT))), many=(5, Repeated(TEXT))
)
PROTO = Path("/usr/include/criu/rpc.proto")


@pytest.mark.parametrize(
    ("values", "encoded"),
    [
        ({"number": 150}, "089601"),
        ({"number": 0}, "0800"),
        ({"number": -1}, "08ffffffffffffffffff01"),
        ({"text": "testing"}, "120774657374696e67"),
        ({"truth": True}, "1801"),
        ({"inner": {"number": 150}}, "2203089601"),
        ({"many": ["a", "b"]}, "2a01612a0162"),
    ],
)
def test_bytes_are_those_of_the_encoding_guide(values: dict[str, Any], encoded: str) -> None:
    assert codec.encode(SAMPLE, values).hex() == encoded
    assert codec.decode(SAMPLE, bytes.fromhex(encoded)) == {"many": [], **values}


@given(
    number=st.integers(-(2**31), 2**32 - 1),
    text=st.text(),
    truth=st.booleans(),
    many=st.lists(st.text(), max_size=5),
)
def test_what_is_encoded_is_decoded(number: int, text: str, truth: bool, many: list[str]) -> None:
    text, many = (text.encode("utf-8", "replace").decode(), [item.encode("utf-8", "replace").decode() for item in many])
    values = {"number": number, "text": text, "truth": truth, "inner": {"number": number}, "many": many}
    assert codec.decode(SAMPLE, codec.encode(SAMPLE, values)) == values


def test_a_path_that_is_not_utf8_arrives_byte_by_byte() -> None:
    path = b"/caf\xe9".decode("utf-8", "surrogateescape")
    assert codec.encode(SAMPLE, {"text": path}).endswith(b"/caf\xe9")
    assert codec.decode(SAMPLE, codec.encode(SAMPLE, {"text": path}))["text"] == path


def test_fields_of_a_newer_criu_are_skipped() -> None:
    unknown = "50 05 5a02 6162 61 0102030405060708 65 01020304 0807".replace(" ", "")
    assert codec.decode(SAMPLE, bytes.fromhex(unknown)) == {"many": [], "number": 7}


@pytest.mark.parametrize("data", ["08", "08ff", "12ff", "120561", "0b", "0a0161", "1001", "08" + "ff" * 11])
def test_broken_bytes_are_an_error_of_criu(data: str) -> None:
    with pytest.raises(CriuError, match="criu's answer"):
        codec.decode(SAMPLE, bytes.fromhex(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        codec.decode(rpc.RESPONSE, data)
    except CriuError:
        pass


@pytest.mark.skipif(not PROTO.exists(), reason="criu is not installed: there is no rpc.proto to compare with")
@pytest.mark.parametrize(
    ("message", "table"),
    [("criu_opts", rpc.OPTIONS), ("criu_req", rpc.REQUEST), ("criu_resp", rpc.RESPONSE)],
)
def test_numbers_are_those_of_rpc_proto(message: str, table: Message) -> None:
    text = PROTO.read_text()
    body = text[text.index(f"message {message} {{") :]
    known = {}
    for line in body[: body.index("\n}")].splitlines():
        words = line.split("=")[0].split()
        if len(words) >= 3 and words[0] in ("required", "optional", "repeated"):
            known[words[2]] = (words[0], int(line.split("=")[1].split(";")[0].split("[")[0]))
    for name, (number, kind) in table.fields.items():
        rule, wanted = known[name]
        assert number == wanted, name
        assert isinstance(kind, Repeated) == (rule == "repeated"), name
