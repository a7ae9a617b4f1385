"""The limits of `Container.update` as `linux.resources` of the specification."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyoci.library import values
from pyoci.spec.bundle import check_document


def document(
    resources: Mapping[str, Any] | None,
    *,
    memory: int | str | None,
    memory_swap: int | str | None,
    cpu: float | None,
    cpu_shares: int | None,
    pids: int | None,
) -> dict[str, Any]:
    """`resources` with the limits over it that have an argument of their own. Raises ConfigError."""
    limits: dict[str, Any] = json.loads(json.dumps(dict(resources or {})))
    if memory is not None:
        limits.setdefault("memory", {})["limit"] = values.size(memory, "memory")
    if memory_swap is not None:
        limits.setdefault("memory", {})["swap"] = values.size(memory_swap, "memory_swap")
    if cpu is not None:
        limits.setdefault("cpu", {}).update(quota=values.cpu_quota(cpu), period=values.PERIOD)
    if cpu_shares is not None:
        limits.setdefault("cpu", {})["shares"] = cpu_shares
    if pids is not None:
        limits.setdefault("pids", {})["limit"] = pids
    check_document(limits, "resources")
    return limits
