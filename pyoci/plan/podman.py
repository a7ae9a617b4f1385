"""Limits of podman's documents, where podman and the specification differ in what a value means. Pure.

Podman before 5.4.1 writes `pids.limit` 0 for --pids-limit=-1 and for 0, and sets no limit by both.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MANAGER = "io.container.manager"


def resources(limits: dict[str, Any] | None, annotations: dict[str, str]) -> dict[str, Any] | None:
    """`linux.resources`, with -1 for a limit of 0 in a container that podman has made."""
    if annotations.get(MANAGER) != "libpod" or not limits or (limits.get("pids") or {}).get("limit") != 0:
        return limits
    return {**limits, "pids": {"limit": -1}}
