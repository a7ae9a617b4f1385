"""JSON in Python alone, for a run that finds no `_json`: where that is a file of the distribution's Python, it is gone
once the distribution has replaced its Python under this program. `state`, `kill` and `delete` must work all the same.

The same interface and the same words as `_json` and json.decoder; jsontext.py makes it strict.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_SPACE = " \t\n\r"
_DIGITS = "0123456789"
_HEX = 16
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPED = {ord(char): f"\\{name}" for name, char in _ESCAPES.items() if name != "/"}
_CONSTANTS = {"null": None, "true": True, "false": False}
_NOT_JSON = ("NaN", "Infinity", "-Infinity")


class Syntax(ValueError):
    """As json.JSONDecodeError: what is wrong, and where."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.msg = message
        self.pos = position


class Scanner:
    """`hooks` has the attributes that `_json.make_scanner` reads of its argument."""

    def __init__(self, hooks: Any) -> None:
        self._hooks = hooks

    def __call__(self, text: str, at: int) -> tuple[Any, int]:
        """The value that begins at `at`, and where it ends.

        Raises StopIteration(position) where no value begins, Syntax, and whatever the hooks raise.
        """
        char = text[at : at + 1]
        if char == '"':
            return _string(text, at + 1)
        if char == "{":
            return self._object(text, at + 1)
        if char == "[":
            return self._array(text, at + 1)
        for word, value in _CONSTANTS.items():
            if text.startswith(word, at):
                return value, at + len(word)
        for word in _NOT_JSON:
            if text.startswith(word, at):
                return self._hooks.parse_constant(word), at + len(word)
        return self._number(text, at)

    def _object(self, text: str, at: int) -> tuple[Any, int]:
        pairs: list[tuple[str, Any]] = []
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return self._hooks.object_pairs_hook(pairs), at + 1
        while True:
            if text[at : at + 1] != '"':
                raise Syntax("Expecting property name enclosed in double quotes", at)
            key, at = _string(text, at + 1)
            at = _skip(text, at)
            if text[at : at + 1] != ":":
                raise Syntax("Expecting ':' delimiter", at)
            value, at = self(text, _skip(text, at + 1))
            pairs.append((key, value))
            at = _skip(text, at)
            if text[at : at + 1] == "}":
                return self._hooks.object_pairs_hook(pairs), at + 1
            if text[at : at + 1] != ",":
                raise Syntax("Expecting ',' delimiter", at)
            at = _skip(text, at + 1)

    def _array(self, text: str, at: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            return items, at + 1
        while True:
            value, at = self(text, at)
            items.append(value)
            at = _skip(text, at)
            if text[at : at + 1] == "]":
                return items, at + 1
            if text[at : at + 1] != ",":
                raise Syntax("Expecting ',' delimiter", at)
            at = _skip(text, at + 1)

    def _number(self, text: str, at: int) -> tuple[Any, int]:
        begin = at + 1 if text[at : at + 1] == "-" else at
        end = begin + 1 if text[begin : begin + 1] == "0" else _digits(text, begin)
        if end == begin:
            raise StopIteration(at)
        whole = end
        if text[end : end + 1] == "." and _digits(text, end + 1) > end + 1:
            end = _digits(text, end + 1)
        if text[end : end + 1] in ("e", "E"):
            sign = end + 2 if text[end + 1 : end + 2] in ("+", "-") else end + 1
            if _digits(text, sign) > sign:
                end = _digits(text, sign)
        return (self._hooks.parse_int if end == whole else self._hooks.parse_float)(text[at:end]), end


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _SPACE:
        at += 1
    return at


def _digits(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _DIGITS:
        at += 1
    return at


def _string(text: str, at: int) -> tuple[str, int]:
    begin, parts = at - 1, []
    while True:
        start = at
        while text[at : at + 1] and text[at] not in '"\\' and text[at] >= " ":
            at += 1
        parts.append(text[start:at])
        char = text[at : at + 1]
        if char == '"':
            return "".join(parts), at + 1
        if not char:
            raise Syntax("Unterminated string starting at", begin)
        if char != "\\":
            raise Syntax("Invalid control character at", at)
        part, at = _escape(text, at + 1, begin)
        parts.append(part)


def _escape(text: str, at: int, begin: int) -> tuple[str, int]:
    name = text[at : at + 1]
    if not name:
        raise Syntax("Unterminated string starting at", begin)
    if name != "u":
        if name not in _ESCAPES:
            raise Syntax("Invalid \\escape", at - 1)
        return _ESCAPES[name], at + 1
    unit = _unit(text, at + 1)
    at += 5
    if 0xD800 <= unit < 0xDC00 and text.startswith("\\u", at):
        low = _unit(text, at + 2)
        if 0xDC00 <= low < 0xE000:
            return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)), at + 6
    return chr(unit), at


def _unit(text: str, at: int) -> int:
    digits = text[at : at + 4]
    if len(digits) != 4 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
        raise Syntax("Invalid \\uXXXX escape", at - 1)
    return int(digits, _HEX)


def encode(value: Any, _level: int) -> list[str]:
    """Compact JSON in ASCII. Raises TypeError for what has no JSON form."""
    parts: list[str] = []
    _encode(value, parts)
    return parts


def _encode(value: Any, parts: list[str]) -> None:
    if value is None or value is True or value is False:
        parts.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, str):
        parts.append(quoted(value))
    elif isinstance(value, int):
        parts.append(int.__repr__(value))
    elif isinstance(value, float):
        if value - value != 0:  # NaN and the infinities
            raise ValueError("Out of range float values are not JSON compliant")
        parts.append(float.__repr__(value))
    elif isinstance(value, dict):
        for number, (key, item) in enumerate(value.items()):
            parts += ["," if number else "{", quoted(key), ":"]
            _encode(item, parts)
        parts.append("}" if value else "{}")
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            parts.append("," if number else "[")
            _encode(item, parts)
        parts.append("]" if value else "[]")
    else:
        _refuse(value)


def _refuse(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__name__} has no JSON form")


def quoted(text: str) -> str:
    """A JSON string in ASCII; a lone surrogate stays one, as `_json` has it."""
    return '"' + "".join(_ESCAPED.get(ord(char)) or _ascii(char) for char in text) + '"'


def _ascii(char: str) -> str:
    code = ord(char)
    if " " <= char <= "~":
        return char
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
