"""JSON text in and out, strict, without importing `json`.

`json` costs more than a whole `pyoci state` (it imports `re`, hence `enum`), while its C half, `_json`, is a
part of CPython. `json` is imported only when that half words a syntax error; where it is missing, plainjson.py
stands in.

Stricter than `json`, since a document decides what root does:

- UTF-8 without a byte order mark, one value, at most `limit` bytes and `MAX_DEPTH` levels;
- no NaN, no Infinity, no number that a float cannot hold;
- no key twice in one object (readers disagree about which one counts);
- no NUL and no lone surrogate in strings (no kernel interface can take them).

A number with a fraction or an exponent (`1e3`, `1.0`) becomes a float, even an integral one. The documents
of the spec have integers only, and its Go decoders refuse `1e3` for one, so the schema check refuses a
float where an integer belongs; in an unknown property it is let through as the spec asks.
"""

from __future__ import annotations

from pyoci.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# containerd's and podman's largest configurations are below 1 MiB; runc has no limit.
MAX_BYTES = 16 << 20
# The spec's own documents have 8 levels; the walkers behind this one may recurse.
MAX_DEPTH = 128

_SPACE = " \t\n\r"
_INFINITY = float("inf")


class _Reading:
    """The options `_json.make_scanner` reads from its argument, and the hooks that make it strict."""

    strict = True  # no control characters in strings
    object_hook = None
    parse_int = int

    @staticmethod
    def object_pairs_hook(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    raise ConfigError(f"key {key!r} is given twice in one object")
                seen.add(key)
        return members

    @staticmethod
    def parse_float(digits: str) -> float:
        number = float(digits)
        if number in (_INFINITY, -_INFINITY):
            raise ConfigError(f"number {_short(digits)} is out of range")
        return number

    @staticmethod
    def parse_constant(name: str) -> float:
        raise ConfigError(f"{name} is not a JSON number")


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} has no JSON form")


class _Codec:
    """Python's own scanner and encoder, with the hooks that make them strict.

    Made at the first use (`_codec`): this module is part of the program's snapshot, and `_json` may be a file.
    """

    __slots__ = ("encode", "scan")

    scan: Callable[[str, int], tuple[Any, int]]
    encode: Callable[[Any, int], Any]

    def __init__(self) -> None:
        try:
            from _json import encode_basestring_ascii, make_encoder, make_scanner
        except ImportError:  # no CPython, or its files are gone
            from pyoci import plainjson

            self.scan = plainjson.Scanner(_Reading)
            self.encode = plainjson.encode
        else:
            # typeshed takes the argument for another scanner; it is whatever has the attributes of _Reading.
            self.scan = make_scanner(_Reading)  # type: ignore[arg-type]
            self.encode = make_encoder(None, _refuse, encode_basestring_ascii, None, ":", ",", False, False, False)


def quoted(text: str) -> str:
    """A string as JSON, in ASCII; a lone surrogate (of a path that is not UTF-8) stays one."""
    try:
        from _json import encode_basestring_ascii
    except ImportError:
        from pyoci import plainjson

        return plainjson.quoted(text)
    return encode_basestring_ascii(text)


_made: list[_Codec] = []


def _codec() -> _Codec:
    if not _made:
        _made.append(_Codec())
    return _made[0]


def loads(data: bytes, *, what: str, limit: int = MAX_BYTES) -> Any:
    """Read one JSON document; `what` names it in errors, `limit` is in bytes.

    Raises ConfigError, and nothing else, for whatever is wrong with `data`.
    """
    if len(data) > limit:
        raise ConfigError(f"{what}: larger than {limit} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{what}: not UTF-8: byte {error.start} is {data[error.start]:#04x}") from None
    start = len(text) - len(text.lstrip(_SPACE))
    if start == len(text):
        raise ConfigError(f"{what}: is empty; it must hold a JSON document")
    if text[start] == "\ufeff":
        raise ConfigError(f"{what}: starts with a byte order mark, which JSON does not have")
    try:
        value, end = _scan_worded(text, start)
    except StopIteration as error:
        words = f"{_place(text, error.value)}: needs a value here{_hint(text, error.value)}"
        raise ConfigError(f"{what}: not JSON: {words}") from None
    except RecursionError:
        raise ConfigError(f"{what}: nested deeper than {MAX_DEPTH} levels") from None
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from None
    except ValueError as error:
        raise ConfigError(f"{what}: not JSON: {_words(text, error)}") from None
    rest = text[end:].lstrip(_SPACE)
    if rest:
        position = len(text) - len(rest)
        words = f"{_place(text, position)}: must end here, before {rest[:20]!r}{_hint(text, position)}"
        raise ConfigError(f"{what}: not JSON: {words}")
    # Each walk is needed only where the text could hold what it looks for: not in an ordinary document.
    if text.count("{") + text.count("[") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        raise ConfigError(f"{what}: nested deeper than {MAX_DEPTH} levels")
    if "\\u" in text:
        bad = _find_string(value, lambda string: "\0" in string or not _is_unicode(string))
        if bad is not None:
            place = f"{bad[0]}: " if bad[0] else ""
            raise ConfigError(f"{what}: {place}string {_short(ascii(bad[1]))} holds a NUL or half a surrogate pair")
    return value


def dumps(value: Any) -> str:
    """`value` as compact JSON in ASCII, so that no terminal or locale can refuse it.

    Raises ConfigError for a string that is not Unicode (a file name in other bytes, from `os.fsdecode`).
    """
    text = "".join(_codec().encode(value, 0))
    if "\\ud" in text:
        bad = _find_string(value, lambda string: not _is_unicode(string))
        if bad is not None:
            raise ConfigError(f"string {_short(ascii(bad[1]))} is not UTF-8 and cannot be written as JSON")
    return text


def pretty(value: Any, indent: str = "  ") -> str:
    """`value` as JSON for people, one member a line; raises as `dumps` does."""
    return _pretty(value, "\n", indent)


def _pretty(value: Any, newline: str, indent: str) -> str:
    inner = newline + indent
    if isinstance(value, dict) and value:
        members = [f"{dumps(key)}: {_pretty(item, inner, indent)}" for key, item in value.items()]
        return "{" + inner + ("," + inner).join(members) + newline + "}"
    if isinstance(value, (list, tuple)) and value:
        items = [_pretty(item, inner, indent) for item in value]
        return "[" + inner + ("," + inner).join(items) + newline + "]"
    return dumps(value)


def _scan_worded(text: str, start: int) -> tuple[Any, int]:
    try:
        return _codec().scan(text, start)
    except SystemError:
        # The scanner raises json.decoder.JSONDecodeError, and up to CPython 3.11 it only looks in sys.modules
        # for it ("returned NULL without setting an exception"); later ones import it themselves.
        import json.decoder  # noqa: F401

        return _codec().scan(text, start)


def _deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [item for items in level for item in _children(items) if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def _find_string(value: Any, is_wanted: Callable[[str], bool]) -> tuple[str, str] | None:
    """Where the first string (or key) that is wanted is, as a JSON pointer, and the string; None without one."""
    level = [("", value)]
    while level:
        below: list[tuple[str, Any]] = []
        for place, item in level:
            if isinstance(item, str):
                if is_wanted(item):
                    return place, item
            elif isinstance(item, dict):
                below += [(f"{place}/{_part(key)}", member) for key, member in item.items()]
                below += [(place, key) for key in item]
            elif isinstance(item, (list, tuple)):
                below += [(f"{place}/{index}", member) for index, member in enumerate(item)]
        level = below
    return None


def _part(key: str) -> str:
    return ascii(_short(key.replace("~", "~0").replace("/", "~1")))[1:-1]


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _place(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    return f"line {line} column {offset - text.rfind(chr(10), 0, offset)}"


def _words(text: str, error: ValueError) -> str:
    """json.JSONDecodeError's own words; a plain ValueError is int() refusing thousands of digits."""
    message: str | None = getattr(error, "msg", None)
    if message is None:
        return "an integer has too many digits"
    position: int = getattr(error, "pos", 0)
    message = message[:1].lower() + message[1:].removesuffix(" at")
    hint = _hint(text, position)
    if not hint and "',' delimiter" in message and text[position : position + 1] == '"':
        hint = "; a comma is missing before it"
    return f"{_place(text, position)}: {message}{hint}"


def _hint(text: str, position: int) -> str:
    """The probable slip there of a person who knows JavaScript, Python or YAML better than JSON."""
    here = text[position : position + 8].lstrip(_SPACE + ",")
    before = text[:position].rstrip(_SPACE)[-1:]
    if not text[position:].strip(_SPACE) and before:
        return "; the text ends there: a bracket or a quotation mark is not closed"
    if here.startswith(("//", "/*", "#")):
        return "; JSON has no comments"
    if here[:1] in ("}", "]") and (before == "," or text[position] == ","):
        return f"; JSON has no comma before {here[0]}"
    if here.startswith(("True", "False", "None")):
        return "; JSON writes true, false and null"
    if here.startswith("'"):
        return "; JSON puts strings in double quotes"
    if here[:1].isalpha() and before in ("", "{", ",", ":", "["):
        return "; JSON puts strings and names in double quotes" if before else "; JSON begins with {"
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
