"""Cgroups as the kernel shows them: v1, hybrid and v2 alike."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path


def hierarchies() -> dict[str, Path]:
    """Mount point by controller; the unified hierarchy under the empty name, named ones under `name=...`."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, filesystem = line.partition(" - ")
        kind, _, options = filesystem.split(" ", 2)
        place = Path(fields.split()[4])
        if not place.is_relative_to("/sys/fs/cgroup"):
            continue
        if kind == "cgroup2":
            found[""] = place
        elif kind == "cgroup":
            names = [name for name in options.split(",") if name not in ("rw", "ro", "xattr", "clone_children")]
            found.update(dict.fromkeys(names, place))
    return found


def is_v2() -> bool:
    """Whether the one and only hierarchy is the unified one."""
    return list(hierarchies()) == [""]


def folder(controller: str, path: str) -> Path:
    """The folder of a cgroup, for one controller of v1 or, in pure v2, in the unified hierarchy."""
    every = hierarchies()
    return every["" if is_v2() else controller] / path.lstrip("/")


def of_process(pid: int) -> dict[str, str]:
    """Path by controller, as /proc/PID/cgroup says."""
    paths: dict[str, str] = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def named(mark: str) -> list[Path]:
    """Every cgroup folder, deepest first, with `mark` in its path."""
    return [group for place in set(hierarchies().values()) for group in _below(place) if mark in str(group)]


def _below(place: Path) -> Iterator[Path]:
    for parent, folders, _ in os.walk(place, topdown=False):
        for name in folders:
            yield Path(parent, name)


def remove(group: Path) -> None:
    """Kills what is in the group and removes it; children must be gone already."""
    for switch, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0"), ("cgroup.kill", "1")):
        if (group / switch).exists():
            (group / switch).write_text(value)
    for _ in range(100):
        try:
            for pid in (group / "cgroup.procs").read_text().split():
                os.kill(int(pid), 9)
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
        else:
            return
