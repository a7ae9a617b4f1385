"""A resctrl file system as the kernel's behaves, on any file system: groups come with their files, schemata are merged.

Documentation/filesystems/resctrl.rst. What the kernel does on mkdir(2) and write(2) is done by stand-ins for the two
functions of `pyoci.cgroups` that make these calls.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pyoci.cgroups import files, resctrl
from pyoci.errors import CgroupError

DEFAULT = "    MB:0=100;1=100\n    L3:0=7ff;1=7ff\n"


class FakeResctrl:
    """The tree; `closids` and `rmids` are how many groups there can be."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, closids: int = 4, rmids: int = 4) -> None:
        self.root = root
        self.limits = {"": closids, "mon_groups": rmids}
        self.written: list[tuple[str, str, str]] = []
        self.make(root)
        info = {"L3": {"cbm_mask": "7ff", "min_cbm_bits": "1", "num_closids": "16"}, "MB": {"min_bandwidth": "10"}}
        for kind, values in info.items():
            (root / "info" / kind).mkdir(parents=True)
            for name, value in values.items():
                (root / "info" / kind / name).write_text(value + "\n")
        (root / "info/last_cmd_status").write_text("ok\n")
        monkeypatch.setattr(resctrl, "mount_point", lambda: str(root))
        monkeypatch.setattr(resctrl, "_make", self._mkdir)
        monkeypatch.setattr(resctrl, "_rmdir", self._rmdir)
        monkeypatch.setattr(files, "write_raw", self._write)

    def make(self, group: Path, monitoring: bool = False) -> Path:
        group.mkdir(exist_ok=True)
        (group / "tasks").write_text("")
        (group / "mon_data/mon_L3_00").mkdir(parents=True)
        for name, count in (("llc_occupancy", "4096"), ("mbm_total_bytes", "77"), ("mbm_local_bytes", "Unavailable")):
            (group / "mon_data/mon_L3_00" / name).write_text(count + "\n")
        if not monitoring:
            (group / "schemata").write_text(DEFAULT)
            (group / "mon_groups").mkdir()
        return group

    def groups(self) -> list[str]:
        names = {"info", "mon_data", "mon_groups"}
        return sorted(path.name for path in self.root.iterdir() if path.is_dir() and path.name not in names)

    def monitors(self, group: str = "") -> list[str]:
        return sorted(os.listdir(self.root / group / "mon_groups"))

    def tasks(self, group: str) -> list[str]:
        return (self.root / group / "tasks").read_text().split()

    def _mkdir(self, path: str) -> bool:
        place = Path(path)
        if place.exists():
            return False
        monitoring = place.parent.name == "mon_groups"
        taken = len(os.listdir(place.parent)) if monitoring else len(self.groups())
        if taken >= self.limits["mon_groups" if monitoring else ""]:
            raise CgroupError(f"/linux/intelRdt: make {path}: no space left on device (ENOSPC)")
        self.make(place, monitoring)
        return True

    def _rmdir(self, path: str) -> None:
        """Whatever is in it: the kernel moves the tasks to the parent."""
        for folder, names, _ in os.walk(path, topdown=False):
            for name in os.listdir(folder):
                if name not in names:
                    os.unlink(os.path.join(folder, name))
            os.rmdir(folder)

    def _write(self, path: str, text: str, dir_fd: int | None = None) -> None:
        assert dir_fd is None
        place = Path(path)
        self.written.append((str(place.parent.relative_to(self.root)), place.name, text))
        if place.name == "tasks":
            with place.open("a") as file:
                file.write(text + "\n")
            return
        now = resctrl.parse(place.read_text())
        for resource, values in resctrl.parse(text).items():
            for key, value in values.items():
                if key not in now.get(resource, {}):
                    (self.root / "info/last_cmd_status").write_text(f"Unknown domain {key}\n")
                    raise OSError(errno.EINVAL, "invalid")
                now[resource][key] = value
        rows = (f"    {name}:" + ";".join(f"{key}={value}" for key, value in row.items()) for name, row in now.items())
        place.write_text("\n".join(rows) + "\n")
