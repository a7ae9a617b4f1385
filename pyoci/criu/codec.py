"""Protocol buffers, as far as criu's RPC uses them: integers, truth values, texts and messages in messages.

A message is a dictionary, described by a table: name -> (number of the field, kind). The encoding is that of
protobuf.dev/programming-guides/encoding. docs/decisions/criu-rpc.md says why the protobuf package is not used.
"""

from __future__ import annotations

from pyoci.errors import CriuError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

INT = "int"  # int32, uint32 and enumerations
BOOL = "bool"
TEXT = "text"

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_MASK = (1 << 64) - 1
_VARINT_MAX = 10  # bytes


class Repeated:
    """The kind of a field that may come several times: its value is a list."""

    __slots__ = ("kind",)

    def __init__(self, kind: Kind) -> None:
        self.kind = kind


class Message:
    """The kind of a field that is a message."""

    __slots__ = ("fields",)

    def __init__(self, **fields: tuple[int, Kind]) -> None:
        self.fields = fields


if TYPE_CHECKING:
    Kind = str | Message | Repeated


def encode(message: Message, values: dict[str, Any]) -> bytes:
    """The bytes of `values`. A name that the table does not have is an error of the caller's (KeyError)."""
    parts = []
    for name, value in values.items():
        number, kind = message.fields[name]
        if isinstance(kind, Repeated):
            parts += [_field(number, kind.kind, item) for item in value]
        else:
            parts.append(_field(number, kind, value))
    return b"".join(parts)


def decode(message: Message, data: bytes) -> dict[str, Any]:
    """The fields of the table that `data` has; the last one of a field that is not repeated counts.

    Fields that the table does not have are skipped: a newer criu may send them. Raises CriuError.
    """
    known = {number: (name, kind) for name, (number, kind) in message.fields.items()}
    fields: dict[str, Any] = {name: [] for name, (_, kind) in message.fields.items() if isinstance(kind, Repeated)}
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        raw: int | bytes
        if wire_type == _VARINT:
            raw, position = _read_varint(data, position)
        elif wire_type == _BYTES:
            length, position = _read_varint(data, position)
            raw, position = _read_bytes(data, position, length)
        elif wire_type in _FIXED:
            raw, position = _read_bytes(data, position, _FIXED[wire_type])
        else:
            raise CriuError(f"read criu's answer: field {number} is of the unknown type {wire_type}")
        if number not in known:
            continue
        name, kind = known[number]
        if isinstance(kind, Repeated):
            fields[name].append(_value(name, kind.kind, raw))
        else:
            fields[name] = _value(name, kind, raw)
    return fields


def _field(number: int, kind: Kind, value: Any) -> bytes:
    if isinstance(kind, Message):
        return _bytes_field(number, encode(kind, value))
    if kind == TEXT:
        return _bytes_field(number, value.encode("utf-8", "surrogateescape"))
    return _varint(number << 3 | _VARINT) + _varint(int(value))


def _bytes_field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as the 64 bits of its two's complement."""
    value &= _MASK
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(_VARINT_MAX):
        if position + index >= len(data):
            break
        byte = data[position + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value & _MASK, position + index + 1
    raise CriuError("read criu's answer: a number without an end")


def _read_bytes(data: bytes, position: int, length: int) -> tuple[bytes, int]:
    end = position + length
    if end > len(data):
        raise CriuError(f"read criu's answer: {length} bytes announced, {len(data) - position} sent")
    return data[position:end], end


def _value(name: str, kind: Kind, raw: int | bytes) -> Any:
    if isinstance(raw, int):
        if kind == BOOL:
            return raw != 0
        if kind == INT:
            # int32 comes sign-extended to 64 bits; a uint32 is never that large
            return raw - (1 << 64) if raw >> 63 else raw
    elif isinstance(kind, Message):
        return decode(kind, raw)
    elif kind == TEXT:
        return raw.decode("utf-8", "surrogateescape")
    raise CriuError(f"read criu's answer: {name} is not of the type that rpc.proto gives it")
