"""A small client of Kubernetes' Container Runtime Interface: what a kubelet does to run a pod.

gRPC is HTTP/2 with one message in each direction: five bytes (no compression, length) and a protobuf message. Of
HTTP/2 it needs four kinds of frames (RFC 9113), of HPACK only plain literals (RFC 7541, 6.2.2), of protobuf only
strings, numbers and messages. The error words of an answer are compressed with Huffman codes and are not read:
containerd logs them too.
"""

from __future__ import annotations

import socket
import struct

from lib.shell import Failed

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _ACK, _END_HEADERS = 0x1, 0x1, 0x4
_STREAM = 1
_VARINT, _BYTES = 0, 2
NODE_NETWORK = 2

Value = str | int | bytes | list[str]


def message(fields: dict[int, Value]) -> bytes:
    """A protobuf message: numbers as varints, all else as length and bytes, lists repeated."""
    encoded = b""
    for number, value in fields.items():
        for single in value if isinstance(value, list) else [value]:
            if isinstance(single, int):
                encoded += _varint(number << 3 | _VARINT) + _varint(single)
            else:
                data = single.encode() if isinstance(single, str) else single
                encoded += _varint(number << 3 | _BYTES) + _varint(len(data)) + data
    return encoded


def parse(data: bytes) -> dict[int, int | bytes]:
    """The fields of a protobuf message (the last one of each number)."""
    fields: dict[int, int | bytes] = {}
    place = 0
    while place < len(data):
        key, place = _read_varint(data, place)
        value, place = _read_varint(data, place)
        if key & 7 == _BYTES:
            fields[key >> 3] = data[place : place + value]
            place += value
        else:
            fields[key >> 3] = value
    return fields


class Client:
    """Calls methods of the runtime service on a socket, one connection a call."""

    def __init__(self, path: str, seconds: float) -> None:
        self._path = path
        self._seconds = seconds

    def call(self, method: str, fields: dict[int, Value]) -> dict[int, int | bytes]:
        """The answer's fields; raises Failed if there is none."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._seconds)
            try:
                connection.connect(self._path)
                return self._exchange(connection, method, message(fields))
            except OSError as error:
                raise Failed(f"CRI {method}: {error}") from error

    def _exchange(self, connection: socket.socket, method: str, request: bytes) -> dict[int, int | bytes]:
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": f"/runtime.v1.RuntimeService/{method}",
            ":authority": "localhost",
            "content-type": "application/grpc",
            "te": "trailers",
        }
        block = b"".join(b"\0" + _text(name) + _text(value) for name, value in headers.items())
        connection.sendall(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, b"")
            + _frame(_HEADERS, _END_HEADERS, _STREAM, block)
            + _frame(_DATA, _END_STREAM, _STREAM, struct.pack(">BI", 0, len(request)) + request)
        )
        answer = b""
        stream = connection.makefile("rb")
        while True:
            head = stream.read(9)
            if len(head) < len(b"lllkfssss"):
                raise Failed(f"CRI {method}: the connection ended")
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            payload = stream.read(length)
            if kind in (_SETTINGS, _PING) and not flags & _ACK:
                connection.sendall(_frame(kind, _ACK, 0, payload if kind == _PING else b""))
            elif kind == _DATA:
                answer += payload
            if kind in (_RST_STREAM, _GOAWAY) or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
                break
        if not answer:
            raise Failed(f"CRI {method} was refused")
        return parse(answer[5:])


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def _text(words: str) -> bytes:
    if len(words) >= 0x7F:
        raise ValueError("longer words need HPACK's integers of several bytes")
    return bytes([len(words)]) + words.encode()


def _varint(value: int) -> bytes:
    encoded = b""
    while value >= 0x80:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
