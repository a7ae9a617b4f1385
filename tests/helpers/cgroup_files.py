"""Files of a container's cgroup, wherever the layout of this machine has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import cgroup


def place(controller: str, path: str) -> Path:
    """The group `path` as `controller` sees it; skips when the controller is not mounted."""
    if cgroup.is_v2():
        if controller not in ["cgroup", *Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()]:
            pytest.skip(f"no {controller} controller on this machine")
    elif controller not in cgroup.hierarchies():
        pytest.skip(f"no {controller} hierarchy on this machine")
    return cgroup.folder(controller, path)


def read(path: str, v1: str, v2: str) -> str:
    """The content of the file that the layout has: `cpu.shares` or `cpu.weight`."""
    name = v2 if cgroup.is_v2() else v1
    return (place(name.split(".")[0], path) / name).read_text().strip()


def every(path: str) -> list[Path]:
    """The group in every hierarchy, where it exists."""
    folders = (mount / path.lstrip("/") for mount in set(cgroup.hierarchies().values()))
    return [folder for folder in folders if folder.exists()]


def v1_only() -> None:
    if cgroup.is_v2():
        pytest.skip("cgroup v2 has nothing like it")


def v2_only() -> None:
    if not cgroup.is_v2():
        pytest.skip("needs the unified cgroup v2 layout")
