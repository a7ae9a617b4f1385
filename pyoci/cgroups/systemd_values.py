"""Which values a property of a unit can have, as systemd decides: its own refusals name other properties, too, or none.
Pure.

See unit_name_is_valid(), documentation_url_is_valid() and SIGNAL_VALID() of systemd 252 to 257.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

UNIT_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_.-\\@")
UNIT_MAX = 255
_UNIT_TYPES = (
    *("automount", "device", "mount", "path", "scope", "service"),
    *("slice", "socket", "swap", "target", "timer"),
)
_COLLECT_MODES = ("inactive", "inactive-or-failed")
_SIGNAL_MAX = 64
_URLS = ("http://", "https://", "file:/", "info:", "man:")
_SHOWN = 80


def why_not(name: str, value: Any) -> str:
    """The fault of a property's value, which has the right type, and the right form; empty when there is none."""
    check = _CHECKS.get(name)
    return check(value) if check else ""


def _units(names: list[str]) -> str:
    for name in names:
        if not _is_unit(name):
            return f"{_shown(name)} is not the name of a unit, such as network.target or dev-sda1.device"
    return ""


def _is_unit(name: str) -> bool:
    stem, _, kind = name.rpartition(".")
    return (
        len(name) <= UNIT_MAX
        and UNIT_CHARACTERS.issuperset(name)
        and kind in _UNIT_TYPES
        and bool(stem)
        and "@" not in (stem[0], stem[-1])  # a template stands for no unit
    )


def _collect_mode(mode: str) -> str:
    return "" if mode in _COLLECT_MODES else f"{_shown(mode)} is neither {' nor '.join(map(repr, _COLLECT_MODES))}"


def _signal(number: int) -> str:
    return "" if 1 <= number <= _SIGNAL_MAX else f"{number} is not a signal: they are 1 to {_SIGNAL_MAX}"


def _addresses(addresses: list[str]) -> str:
    for address in addresses:
        scheme = next((scheme for scheme in _URLS if address.startswith(scheme)), "")
        if not scheme or address == scheme or not address.isascii():
            return f"{_shown(address)} is not an address in ASCII that begins with one of {' '.join(_URLS)}"
    return ""


def _runtime(microseconds: int) -> str:
    return "" if microseconds else "0 would end the container when it begins; for ever is uint64 18446744073709551615"


def _shown(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


_CHECKS: dict[str, Callable[[Any], str]] = {
    "After": _units,
    "Before": _units,
    "CollectMode": _collect_mode,
    "Documentation": _addresses,
    "FinalKillSignal": _signal,
    "KillSignal": _signal,
    "RuntimeMaxUSec": _runtime,
}
