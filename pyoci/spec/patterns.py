"""The exception of the generated check, and the patterns of schemas/config.json as functions.

Functions, so that a valid config does not pay for `re` (7 ms of CPU). `hack/generate-checks` has the check call them
and fails for a pattern that has none; a unit test compares each with its expression.
"""

from __future__ import annotations

_DIGITS = frozenset("0123456789")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_IDENTIFIER = _DIGITS | _LETTERS | {"-"}
_CPU_LIST = _DIGITS | {",", " ", "-"}


class Mismatch(Exception):
    """A document does not match its schema; `spec.explain` tells where and why."""


def is_absolute(text: str) -> bool:
    return text[:1] == "/"


def is_absolute_or_empty(text: str) -> bool:
    return not text or text[:1] == "/"


def is_version_1(text: str) -> bool:
    """SemVer 2.0 with major 1."""
    core, plus, build = text.partition("+")
    core, dash, prerelease = core.partition("-")
    numbers = core.split(".")
    return (
        len(numbers) == 3
        and numbers[0] == "1"
        and _is_number(numbers[1])
        and _is_number(numbers[2])
        and not (dash and not all(map(_is_prerelease_part, prerelease.split("."))))
        and not (plus and not all(map(_is_identifier, build.split("."))))
    )


def _is_number(text: str) -> bool:
    return text != "" and _DIGITS.issuperset(text) and (text[0] != "0" or text == "0")


def _is_identifier(text: str) -> bool:
    return text != "" and _IDENTIFIER.issuperset(text)


def _is_prerelease_part(text: str) -> bool:
    return _is_identifier(text) and (not _DIGITS.issuperset(text) or _is_number(text))


def is_one_line(text: str) -> bool:
    return "\n" not in text


def is_bandwidth_schema(text: str) -> bool:
    return text[:3] == "MB:" and "\n" not in text


def is_device_access(text: str) -> bool:
    return text != "" and frozenset("rwm").issuperset(text)


def is_cpu_list(text: str) -> bool:
    return _CPU_LIST.issuperset(text)


def is_page_size(text: str) -> bool:
    digits = text[:-2]
    return text[-2:] in ("KB", "MB", "GB") and _is_number(digits) and digits != "0"


BY_EXPRESSION = {
    "^/": is_absolute,
    "^(/|$)": is_absolute_or_empty,
    "^1\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)"
    "(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?"
    "(\\+[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)*)?$": is_version_1,
    "^[^\\n]*$": is_one_line,
    "^MB:[^\\n]*$": is_bandwidth_schema,
    "^[rwm]+$": is_device_access,
    "^[0-9, -]*$": is_cpu_list,
    "^[1-9][0-9]*[KMG]B$": is_page_size,
}
