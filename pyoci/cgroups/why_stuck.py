"""Why a container's init does not go on, in words: see `Cgroup.why_stuck`."""

from __future__ import annotations

UNDER_OOM = (
    "container init waits for memory: its memory limit is too low, and the OOM killer is disabled for it "
    "(memory.disableOOMKiller)"
)


def frozen(path: str) -> str:
    return f"container init does not run: its cgroup {path} is frozen, or a parent of it is"
