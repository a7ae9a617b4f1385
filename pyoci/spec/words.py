"""How a problem reads: `/process/cwd: found "tmp", expected an absolute path`."""

from __future__ import annotations

from pyoci import jsontext
from pyoci.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MISSING = ""
_LENGTH = 80
_PLACE_LENGTH = 200


def line(place: str, found: str, expected: str) -> str:
    """`found` is what `show` made, or MISSING."""
    if len(place) > _PLACE_LENGTH:  # a key has any length
        place = place[: _PLACE_LENGTH - 3] + "..."
    # An empty JSON pointer is the whole document.
    return f"{place or 'the document'}: {f'found {found}' if found else 'missing'}, expected {expected}"


def show(value: object) -> str:
    """A value, short enough for a line."""
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, list) and not value:
        return "an empty array"
    try:
        text = jsontext.dumps(value)
    except ConfigError:  # of other bytes than UTF-8, from the command line
        text = ascii(value)
    if len(text) <= _LENGTH:
        return text
    return "an array" if isinstance(value, list) else text[: _LENGTH - 3] + "..."


def pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
