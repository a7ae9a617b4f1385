"""Which files another process has open."""

from __future__ import annotations

import contextlib
import os


def open_files(pid: int) -> dict[int, str]:
    """Its descriptors and what each leads to. A process that runs may close one while they are looked at."""
    links = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
    return links
