"""Annotations `org.systemd.property.NAME` as properties of the container's unit. Pure.

podman and CRI-O set TimeoutStopUSec, KillSignal, CollectMode and the like. runc and crun pass every property on; but
annotations of a pod may be written by its author, who must not reach the host through PID 1 (CVE-2024-3154,
SuccessAction=poweroff-force), nor take the container's limits away (MemoryMax, DevicePolicy), nor put other processes
into its unit (PIDs), nor start and stop other units with it (Requires, Conflicts). So there is a list of what is taken.

Values are in the text format of GVariant (docs.gtk.org/glib/gvariant-text-format.html); this reads what
properties of units need: booleans, numbers, strings, and arrays of them, with or without the type before them.
"""

from __future__ import annotations

from pyoci.cgroups import files, systemd_values
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.cgroups.systemd_units import Property

PREFIX = "org.systemd.property."
# What changes the unit alone: its words, when and with which signal it is stopped, what is kept of it, and its order
# among others; each with the D-Bus signature that systemd takes. Limits belong into linux.resources.
ALLOWED = {
    "After": "as",
    "Before": "as",
    "CollectMode": "s",
    "DefaultDependencies": "b",
    "Description": "s",
    "Documentation": "as",
    "FinalKillSignal": "i",
    "KillSignal": "i",
    "RuntimeMaxUSec": "t",
    "SendSIGHUP": "b",
    "TimeoutStopUSec": "t",
}
_EXAMPLES = {"as": "['a', 'b']", "s": "'text'", "b": "true", "i": "15", "t": "uint64 1000000"}
_TYPES = {
    "boolean": "b",
    "byte": "y",
    "int16": "n",
    "uint16": "q",
    "int32": "i",
    "uint32": "u",
    "int64": "x",
    "uint64": "t",
    "double": "d",
    "string": "s",
}
# signature -> (lowest, highest)
_RANGES = {"y": (0, 2**8 - 1)}
_RANGES |= {name: (-(2**bits), 2**bits - 1) for name, bits in (("n", 15), ("i", 31), ("x", 63))}
_RANGES |= {name: (0, 2**bits - 1) for name, bits in (("q", 16), ("u", 32), ("t", 64))}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_HEX_DIGITS = {"u": 4, "U": 8}
_HEX = frozenset("0123456789abcdefABCDEF")
_LAST = 0x10FFFF
_MICROSECONDS = 1_000_000
_LONGEST = 1 << 17  # a line of a unit's file has at most 1 MiB (LONG_LINE_MAX), and a character up to eight bytes there


def properties(annotations: dict[str, str]) -> list[Property]:
    """Raises CgroupError for a property that is not in ALLOWED, and for a value that is not understood."""
    accepted: list[Property] = []
    for key, text in annotations.items():
        if not key.startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX)
        if name not in ALLOWED and not (name.endswith("Sec") and f"{name[:-3]}USec" in ALLOWED):
            raise CgroupError(
                f"annotation {files.shown(key)}: this property cannot be set by an annotation; there are: "
                f"{', '.join(ALLOWED)}"
            )
        if len(text) > _LONGEST:
            raise CgroupError(f"annotation {key}: must be at most {_LONGEST} characters, not {len(text)}")
        try:
            signature, value = read(text)
        except (ValueError, RecursionError) as error:
            raise CgroupError(
                f"annotation {key}: {files.shown(text)} is not a value in GVariant's text format: {error}"
            ) from None
        if name.endswith("Sec") and not name.endswith("USec") and signature in (*_RANGES, "d"):
            # as in a unit file; over D-Bus there are microseconds only
            if not 0 <= value * _MICROSECONDS <= _RANGES["t"][1]:
                raise CgroupError(
                    f"annotation {key}: {files.shown(text)} is not seconds whose microseconds fit into 64 bits"
                )
            if value and round(value * _MICROSECONDS) == 0:
                raise CgroupError(f"annotation {key}: {files.shown(text)} is less than a microsecond")
            name, signature, value = f"{name[:-3]}USec", "t", round(value * _MICROSECONDS)
        if signature != ALLOWED.get(name):
            example = _EXAMPLES[ALLOWED[name]] if name in ALLOWED else "10"  # NAMESec
            raise CgroupError(
                f"annotation {key}: {files.shown(text)} is of another type than the property: it is written {example}"
            )
        if why := systemd_values.why_not(name, value):
            raise CgroupError(f"annotation {key}: {why}")
        if any(name == before for before, _ in accepted):
            raise CgroupError(f"annotation {key}: the property {name} is set by another annotation, too")
        accepted.append((name, (signature, value)))
    return accepted


def read(text: str) -> tuple[str, Any]:
    """(D-Bus signature, value). Raises ValueError."""
    reader = _Reader(text)
    value = reader.typed()
    reader.end()
    return value


def _is_forbidden(character: str) -> bool:
    """systemd writes strings into the unit's file, where a further line would be a further property (and a backslash at
    the end takes the next one away), and reads that file at its next daemon-reload. D-Bus has no surrogates.
    """
    return (character < " " and character != "\t") or character == "\x7f" or "\ud800" <= character <= "\udfff"


class _Reader:
    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def typed(self) -> tuple[str, Any]:
        """A value with its type before it, or one that tells its type itself."""
        if self._next("@"):
            signature = self._word()
            if signature.removeprefix("a") not in _TYPES.values():
                raise ValueError(f"type {signature!r} is not one of unit properties")
            return signature, self._value(signature)
        start = self.position
        word = self._word()
        if word in _TYPES:
            return _TYPES[word], self._value(_TYPES[word])
        self.position = start
        signature = self._guess()
        return signature, self._value(signature)

    def end(self) -> None:
        self._space()
        if self.position < len(self.text):
            raise ValueError(f"{self.text[self.position :]!r} is left over")

    def _guess(self) -> str:
        self._space()
        first = self.text[self.position : self.position + 1]
        if first in ("'", '"'):
            return "s"
        if first == "[":
            start, self.position = self.position, self.position + 1
            signature = "a" + self.typed()[0]
            self.position = start
            return signature
        start = self.position
        word = self._word()
        self.position = start
        if word in ("true", "false"):
            return "b"
        return "d" if any(mark in word for mark in ".eE") and not word.startswith("0x") else "i"

    def _value(self, signature: str) -> Any:
        if signature[0] == "a":
            return self._array(signature[1:])
        if signature == "s":
            return self._string()
        word = self._word()
        if signature == "b":
            if word not in ("true", "false"):
                raise ValueError(f"{word!r} is neither true nor false")
            return word == "true"
        if not word.isascii() or "_" in word:  # Python's own numbers have more forms
            raise ValueError(f"{word!r} is not a number")
        try:
            value = float(word) if signature == "d" else int(word, 0)
        except ValueError:
            raise ValueError(f"{word!r} is not a number") from None
        if signature == "d":
            return value
        lowest, highest = _RANGES[signature]
        if not lowest <= value <= highest:
            raise ValueError(f"{word} is not between {lowest} and {highest}")
        return value

    def _array(self, signature: str) -> list[Any]:
        if not self._next("["):
            raise ValueError("an array must begin with [")
        members: list[Any] = []
        while not self._next("]"):
            if members and not self._next(","):
                raise ValueError("a comma or ] is missing in an array")
            members.append(self._value(signature))
        return members

    def _string(self) -> str:
        self._space()
        quote = self.text[self.position : self.position + 1]
        if quote not in ("'", '"'):
            raise ValueError("a string must be in quotes")
        self.position += 1
        pieces: list[str] = []  # joined at the end: added up one by one they take minutes for half a megabyte
        while (character := self.text[self.position : self.position + 1]) != quote:
            if not character:
                raise ValueError(f"the string has no closing {quote}")
            self.position += 1
            pieces.append(self._escaped() if character == "\\" else character)
        self.position += 1
        text = "".join(pieces)
        if text.endswith("\\") or any(_is_forbidden(character) for character in text):
            raise ValueError("a string of a unit must not have control characters, nor a backslash at its end")
        if text != text.strip(" \t"):
            raise ValueError("a string of a unit must not have spaces at its ends: systemd drops them when it reloads")
        return text

    def _escaped(self) -> str:
        escaped = self.text[self.position : self.position + 1]
        self.position += 1
        count = _HEX_DIGITS.get(escaped, 0)
        if not count:
            return _ESCAPES.get(escaped, escaped)
        digits = self.text[self.position : self.position + count]
        self.position += count
        if len(digits) < count or not set(digits) <= _HEX:
            raise ValueError(f"\\{escaped} needs {count} hexadecimal digits")
        return chr(min(int(digits, 16), _LAST))

    def _word(self) -> str:
        self._space()
        start = self.position
        while self.position < len(self.text) and self.text[self.position] not in " \t\n,[]'\"@":
            self.position += 1
        return self.text[start : self.position]

    def _next(self, character: str) -> bool:
        self._space()
        if self.text[self.position : self.position + 1] != character:
            return False
        self.position += 1
        return True

    def _space(self) -> None:
        while self.text[self.position : self.position + 1] in (" ", "\t", "\n"):
            self.position += 1
