"""How a problem reads: `/process/cwd: must be an absolute path, not "tmp"`."""

from __future__ import annotations

from pyoci import jsontext
from pyoci.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

NO_VALUE = ""
TRY = "org.pyoci.try"  # annotation of a container of `try`: the root that it lies over, for messages
_VERBS = ("must", "needs", "should", "is")
_UNTOLD = ("an object", "an array", "an empty array")  # a value that tells nobody more
_LENGTH = 80
_PLACE_LENGTH = 200
_WRONG = 3  # letters of a word, at most
_SHORT_FORM = 3  # letters, at least
_WORD = 40  # no name that the specification or the kernel has is longer


def line(place: str, value: str, requirement: str) -> str:
    """`value` is what `show` made, or NO_VALUE; `requirement` is what it must be, or a clause with its own verb."""
    if len(place) > _PLACE_LENGTH:  # a key has any length
        place = place[: _PLACE_LENGTH - 3] + "..."
    # An empty JSON pointer is the whole document.
    return f"{place or 'the document'}: {_clause(value, requirement)}"


def _clause(value: str, requirement: str) -> str:
    value_in_words = f" (it is {value})"
    if requirement.partition(" ")[0] not in _VERBS:
        requirement, value_in_words = f"must be {requirement}", f", not {value}"
    elif requirement.startswith("should be "):
        value_in_words = f", not {value}"
    if not value:
        return f"is missing; it {requirement}"
    if value in _UNTOLD and value_in_words[0] == " ":
        return requirement
    clause, colon, why = requirement.partition(": ")
    return f"{clause}{value_in_words}{colon}{why}"


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


def did_you_mean(word: str, known: Iterable[str], dashes: str = "") -> str:
    """`; did you mean NAME?` for the one of `known` that `word` probably is, with `dashes` before it; or nothing."""
    lower, known = word.lower(), tuple(known)
    nearest, least = "", 1 + min(_WRONG, max(1, len(word) // 3))
    for name in known:
        away = _distance(lower, name.lower(), least)
        if away < least:
            nearest, least = name, away
    nearest = nearest or _short_form(lower, known)
    return f"; did you mean {dashes}{nearest}?" if nearest else ""


def _short_form(lower: str, known: Iterable[str]) -> str:
    """The one name that begins with it, or ends with it after an underscore: net, NOFILE."""
    if len(lower) < _SHORT_FORM or len(lower) > _WORD:
        return ""
    names = [name for name in known if name.lower().startswith(lower) or name.lower().endswith(f"_{lower}")]
    return names[0] if len(names) == 1 else ""


def _distance(first: str, second: str, limit: int) -> int:
    """Letters that are changed, added, left out or swapped with the next one; `limit` when it is not less."""
    if abs(len(first) - len(second)) >= limit or len(first) > _WORD:
        return limit
    before: list[int] = []
    row = list(range(len(second) + 1))
    for at, letter in enumerate(first):
        older, before, row = before, row, [at + 1]
        for place, other in enumerate(second):
            if not -limit < at - place < limit:
                row.append(limit)  # too far from the diagonal to be less
                continue
            cost = min(before[place] + (letter != other), before[place + 1] + 1, row[place] + 1)
            if at and place and letter == second[place - 1] and first[at - 1] == other:
                cost = min(cost, older[place - 1] + 1)
            row.append(cost)
        if min(row) >= limit <= min(before):
            return limit
    return min(row[-1], limit)


def pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
