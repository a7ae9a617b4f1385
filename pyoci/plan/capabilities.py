"""`process.capabilities` (config.md, "Linux Process"): names to bit masks, and what cannot be granted."""

from __future__ import annotations

from pyoci.kernel.uapi import CAPABILITIES
from pyoci.wire.plan import Capabilities

_NUMBERS = {name: number for number, name in enumerate(CAPABILITIES)}


def plan(sets: dict[str, list[str]], grantable: int, warnings: list[str]) -> Capabilities:
    """Masks of the five sets. What is unknown or cannot be granted is dropped with a warning, as the spec asks."""
    bounding = _mask(sets.get("bounding"), "bounding", grantable, warnings)
    permitted = _mask(sets.get("permitted"), "permitted", grantable, warnings)
    effective = _mask(sets.get("effective"), "effective", grantable, warnings)
    inheritable = _mask(sets.get("inheritable"), "inheritable", grantable, warnings)
    ambient = _mask(sets.get("ambient"), "ambient", grantable, warnings)
    return Capabilities(
        bounding=bounding,
        permitted=permitted,
        inheritable=inheritable,
        # capset(2) refuses an effective capability that is not permitted, prctl(2) an ambient one that is not both
        effective=_within(effective, permitted, "effective", "permitted", warnings),
        ambient=_within(ambient, permitted & inheritable, "ambient", "permitted and inheritable", warnings),
    )


def names(mask: int) -> list[str]:
    return [name for number, name in enumerate(CAPABILITIES) if mask >> number & 1]


def _mask(listed: list[str] | None, kind: str, grantable: int, warnings: list[str]) -> int:
    mask = 0
    for name in listed or ():
        number = _NUMBERS.get(name)
        if number is None:
            from pyoci.spec.words import did_you_mean

            meant = did_you_mean(name, _NUMBERS)
            warnings.append(f"/process/capabilities/{kind}: ignoring unknown capability {name[:200]!r}{meant}")
        elif not grantable >> number & 1:
            warnings.append(f"/process/capabilities/{kind}: {name} cannot be granted here, leaving it out")
        else:
            mask |= 1 << number
    return mask


def _within(mask: int, allowed: int, kind: str, allowed_words: str, warnings: list[str]) -> int:
    excess = names(mask & ~allowed)
    if excess:
        warnings.append(
            f"/process/capabilities/{kind}: {', '.join(excess)} not in {allowed_words}, which the kernel demands; "
            "leaving out"
        )
    return mask & allowed
