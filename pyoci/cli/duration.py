"""Durations on the command line, as Go writes them: `1m30s`, `0.5s`."""

from __future__ import annotations

from pyoci.errors import UsageError

_SECONDS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 100_000  # hours; time.sleep counts nanoseconds in 64 bits


def seconds(option: str, text: str) -> float:
    """The value `text` of the option --`option`. Raises UsageError."""
    total, rest = 0.0, text
    while rest:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(digits) :]
        unit = rest[: len(rest) - len(rest.lstrip("nuµmsh"))]
        rest = rest[len(unit) :]
        if unit not in _SECONDS or digits.count(".") > 1 or digits in ("", "."):
            raise UsageError(f"option --{option}: {text!r} is not a duration such as 500ms, 5s or 1m30s")
        total += float(digits) * _SECONDS[unit]
    if not text:
        raise UsageError(f"option --{option}: '' is not a duration such as 500ms, 5s or 1m30s")
    if total > _LONGEST * 3600:
        raise UsageError(f"option --{option}: {text[:40]!r} must be at most {_LONGEST}h")
    if total <= 0:
        raise UsageError(f"option --{option}: {text!r} must be greater than zero")
    return total
