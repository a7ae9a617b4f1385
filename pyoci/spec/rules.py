from __future__ import annotations


def check(config: dict[str, object]) -> list[str]:
    return []
