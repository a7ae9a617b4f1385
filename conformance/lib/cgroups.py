"""A private subtree in every cgroup hierarchy of the host, and its removal.

A cell joins the subtree and unshares its cgroup namespace, so that names such as /cgrouptest, /docker or
/libpod_parent that programs and engines choose are ours alone, and removing the subtree removes them all.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from lib import kernel

ROOT = "/sys/fs/cgroup"
_CPUSET_INHERITED = ("cpuset.cpus", "cpuset.mems")
_LEAF = "cell"
_REMOVAL_SECONDS = 15.0


@dataclass(frozen=True)
class Hierarchy:
    """One mounted hierarchy: where, which version, and the mount data that mounts the same one again."""

    path: Path
    version: int
    data: str


def hierarchies() -> list[Hierarchy]:
    """The hierarchies mounted at or right below /sys/fs/cgroup."""
    controllers = {
        line.split()[0] for line in Path("/proc/cgroups").read_text().splitlines() if line and not line.startswith("#")
    }
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        path = Path(before.split()[4])
        fstype, _, options = after.split()[:3]
        if str(path) != ROOT and str(path.parent) != ROOT:
            continue
        if fstype == "cgroup2":
            found.append(Hierarchy(path, 2, ""))
        elif fstype == "cgroup":
            found.append(Hierarchy(path, 1, _v1_data(options.split(","), controllers)))
    return found


def _v1_data(options: list[str], controllers: set[str]) -> str:
    chosen = [option for option in options if option in controllers]
    named = [option for option in options if option.startswith("name=")]
    return ",".join(chosen or ["none", *named])


def layout(mounted: list[Hierarchy]) -> str:
    """`v1`, `v2` or `hybrid`, as the runtimes call it."""
    versions = {hierarchy.version for hierarchy in mounted}
    if versions == {1, 2}:
        return "hybrid"
    return "v2" if versions == {2} else "v1"


class Subtree:
    """The group `name` at the top of every hierarchy."""

    def __init__(self, name: str, unified: bool) -> None:
        self.name = name
        self._all = hierarchies()
        self._pure_v2 = layout(self._all) == "v2"
        self._shown = [h for h in self._all if unified or h.version == 1]

    def create(self) -> None:
        """Make the groups, able to hold processes and, on v2, with every controller that there is."""
        for hierarchy in self._all:
            group = hierarchy.path / self.name
            group.mkdir()
            if self._pure_v2:
                _enable_controllers(hierarchy.path)
                (group / _LEAF).mkdir()
            for name in _CPUSET_INHERITED:
                # A new v1 cpuset is empty and refuses processes until it is told its CPUs (cpuset(7)).
                if hierarchy.version == 1 and (group / name).exists():
                    (group / name).write_text((hierarchy.path / name).read_text())

    def join(self) -> None:
        """Move the calling process into the groups."""
        for hierarchy in self._all:
            (hierarchy.path / self.name / "cgroup.procs").write_text(str(os.getpid()))

    def enter_leaf(self) -> None:
        """Empty the root of the new cgroup namespace: a v2 group that gives controllers to its children may
        hold no process itself (cgroups(7), "no internal processes")."""
        if self._pure_v2:
            group = self._all[0].path / self.name
            (group / _LEAF / "cgroup.procs").write_text(str(os.getpid()))
            _enable_controllers(group)

    def mount(self) -> None:
        """Show the groups as the whole of /sys/fs/cgroup; called in the cgroup namespace rooted in them."""
        links = {
            entry: os.readlink(os.path.join(ROOT, entry))
            for entry in os.listdir(ROOT)
            if os.path.islink(os.path.join(ROOT, entry))
        }
        kernel.detach(ROOT)
        flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
        if [str(h.path) for h in self._shown] != [ROOT]:
            kernel.mount("tmpfs", ROOT, "tmpfs", flags, "mode=755")
        for hierarchy in self._shown:
            hierarchy.path.mkdir(exist_ok=True)
            kernel.mount(
                "cgroup",
                str(hierarchy.path),
                "cgroup2" if hierarchy.version == 2 else "cgroup",
                flags,
                hierarchy.data,
            )
        for name, target in links.items():
            os.symlink(target, os.path.join(ROOT, name))

    def thaw(self) -> None:
        """Let frozen processes run: in v1 a frozen process does not even die of SIGKILL."""
        for group in self._groups():
            for name, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                try:
                    (group / name).write_text(value)
                except OSError:
                    continue  # not this hierarchy's file, or the group has just gone

    def destroy(self) -> list[str]:
        """Remove the groups, waiting for processes that still die; returns those that cannot be removed."""
        deadline = time.monotonic() + _REMOVAL_SECONDS
        while True:
            left = []
            for group in self._groups():
                try:
                    group.rmdir()
                except OSError as error:
                    left.append(f"{group}: {error.strerror}")
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.05)

    def leftovers(self) -> list[str]:
        """The groups below ours, as paths inside the cell."""
        tops = {hierarchy.path / self.name: hierarchy.path.name for hierarchy in self._all}
        return [
            f"{name}:/{group.relative_to(top)}"
            for top, name in tops.items()
            for group in self._groups()
            if top in group.parents
        ]

    def _groups(self) -> list[Path]:
        """Every group of the subtree, children before parents."""
        found = []
        for hierarchy in self._all:
            for folder, _, _ in os.walk(hierarchy.path / self.name, topdown=False):
                found.append(Path(folder))
        return found


def _enable_controllers(group: Path) -> None:
    available = (group / "cgroup.controllers").read_text().split()
    for controller in available:
        (group / "cgroup.subtree_control").write_text(f"+{controller}")
