"""What a test leaves behind: mounts, cgroups, processes, and the devices of the machine."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path

from helpers import cgroup, sandbox
from helpers.runtime import reap

# What a runtime with a bug has been seen to chown, chmod or replace.
DEVICES = {"/dev/null": os.makedev(1, 3), "/dev/zero": os.makedev(1, 5), "/dev/full": os.makedev(1, 7)}


def mount_points() -> list[str]:
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def children() -> list[int]:
    """Live children of this process, adopted orphans too; dead ones are reaped."""
    reap()
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def _describe(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return f"{pid} ({words or Path(f'/proc/{pid}/comm').read_text().strip()})"
    except (FileNotFoundError, ProcessLookupError):
        return str(pid)


class Watch:
    """Remembers how things are; `leaks()` says what has been added since, and removes it."""

    def __init__(self) -> None:
        self._mounts = mount_points()
        self._children = set(children())
        self._cgroup = cgroup.of_process(os.getpid())

    def leaks(self) -> list[str]:
        found = self._processes() + self._mounted() + self._cgroups() + self._devices()
        return found + self._moved()

    def _moved(self) -> list[str]:
        """A hierarchy that has been mounted or has ended meanwhile moves nobody."""
        now = cgroup.of_process(os.getpid())
        return [
            f"the tests themselves were moved into another cgroup: {controller}:{now[controller]}, before {path}"
            for controller, path in self._cgroup.items()
            if now.get(controller, path) != path
        ]

    def _processes(self) -> list[str]:
        # The kernel tells of a death a little before the last process of the namespace is gone.
        deadline = time.monotonic() + 5
        while (left := self._new_children()) and time.monotonic() < deadline:
            time.sleep(0.01)
        words = [f"process left: {_describe(pid)}" for pid in left]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        while self._new_children():
            time.sleep(0.01)
        return words

    def _new_children(self) -> list[int]:
        return [pid for pid in children() if pid not in self._children]

    def _mounted(self) -> list[str]:
        now = mount_points()
        added = list(now)
        for place in self._mounts:
            if place in added:
                added.remove(place)
        for place in reversed(added):
            sandbox.unmount(place.removesuffix("//deleted"))
        lost = list(self._mounts)
        for place in now:
            if place in lost:
                lost.remove(place)
        return [f"mount left: {place}" for place in added] + [f"mount lost: {place}" for place in lost]

    def _cgroups(self) -> list[str]:
        left = cgroup.named(sandbox.MARK)
        for group in left:
            cgroup.remove(group)
        # The parent that the cgroupsPath of every test names may stay: a runtime removes what it was told to make.
        return [f"cgroup left: {group}" for group in left if group.name != sandbox.MARK]

    def _devices(self) -> list[str]:
        words = []
        for path, number in DEVICES.items():
            facts = os.stat(path)
            if facts.st_rdev != number or not stat.S_ISCHR(facts.st_mode):
                words.append(f"{path} is no longer that device")
                os.remove(path)
                os.mknod(path, 0o666 | stat.S_IFCHR, number)
            if (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) != (0, 0, 0o666):
                words.append(f"{path} got owner {facts.st_uid}:{facts.st_gid}, mode {facts.st_mode:o}")
            os.chown(path, 0, 0)
            os.chmod(path, 0o666)
        return words
