"""What conformance's snapshotters stand on, where the kernel has it as modules."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "conformance"))

from lib import snapshotters  # noqa: E402 - found in conformance, not installed
from lib.shell import Result, Shell  # noqa: E402


class Kernel(Shell):
    """A shell whose modprobe adds a module's line to a file."""

    def __init__(self, file: Path, modules: dict[str, str]) -> None:
        super().__init__({})
        self.file = file
        self.modules = modules
        self.ran: list[list[str]] = []

    def run(self, command: list[str]) -> Result:  # type: ignore[override]
        self.ran.append(command)
        line = self.modules.get(command[-1], "")
        self.file.write_text(self.file.read_text() + line)
        return Result(command, 0 if line else 1, "", "")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shutil, "which", lambda name: f"/sbin/{name}")
    path = tmp_path / "filesystems"
    path.write_text("\text4\n")
    return path


def has(shell: Shell, name: str, file: Path) -> bool:
    return snapshotters.Ground(shell, Path("/"))._kernel_has(name, str(file), f"\t{name}\n")


def test_a_module_that_is_not_loaded_is_loaded(file: Path) -> None:
    kernel = Kernel(file, {"btrfs": "\tbtrfs\n"})
    assert has(kernel, "btrfs", file)
    assert not has(kernel, "zfs", file)
    assert kernel.ran == [["modprobe", "--quiet", "btrfs"], ["modprobe", "--quiet", "zfs"]]


def test_what_the_kernel_has_is_not_loaded(file: Path) -> None:
    kernel = Kernel(file, {})
    assert has(kernel, "ext4", file)
    assert kernel.ran == []


def test_no_module_is_loaded_without_modprobe(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", {}.get)
    kernel = Kernel(file, {"btrfs": "\tbtrfs\n"})
    assert not has(kernel, "btrfs", file)
    assert kernel.ran == []


def test_loop_devices_have_nodes_before_they_are_used(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr(os, "mknod", lambda path, mode, device: made.setdefault(path, (mode, device)))
    (tmp_path / "loop0").touch()
    kernel = Kernel(file, {})
    snapshotters.Ground(kernel, tmp_path)._loop_nodes(str(tmp_path))
    assert kernel.ran == [["modprobe", "--quiet", "loop"]]
    assert f"{tmp_path}/loop0" not in made
    mode, device = made[f"{tmp_path}/loop1"]
    assert stat.S_ISBLK(mode)
    assert (os.major(device), os.minor(device)) == (7, 1)
