"""Freezing a group and all below it, in both versions; no wait is longer than PATIENCE seconds."""

from __future__ import annotations

import posix
import select
import time

from pyoci.cgroups import files
from pyoci.errors import CgroupError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cgroups.group import Group

PATIENCE = 5.0


def set_v1(group: Group, frozen: bool) -> None:
    """freezer.state of v1. Raises CgroupError when the group does not freeze; it is thawed then."""
    fd = group.open()
    try:
        if not frozen:
            _write(group, fd, "freezer.state", "THAWED")
            return
        deadline = time.monotonic() + PATIENCE
        pause = 0.0005
        while True:
            # Written again and again: a process that was forked meanwhile can leave the group in FREEZING
            # (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst).
            _write(group, fd, "freezer.state", "FROZEN")
            if _read(group, fd, "freezer.state") == "FROZEN\n":
                return
            if time.monotonic() > deadline:
                _write(group, fd, "freezer.state", "THAWED")
                raise CgroupError(f"freeze {group.path}: still freezing after {PATIENCE:g} s; thawed again")
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
    finally:
        posix.close(fd)


def set_v2(group: Group, frozen: bool) -> None:
    """cgroup.freeze of v2. Raises CgroupError when the group does not freeze (it is thawed then) or does not thaw."""
    fd = group.open()
    try:
        _write(group, fd, "cgroup.freeze", str(int(frozen)))
        if _comes_true(fd, f"frozen {int(frozen)}"):
            return
        if not frozen:
            raise CgroupError(f"thaw {group.path}: still frozen after {PATIENCE:g} s: is a parent frozen?")
        _write(group, fd, "cgroup.freeze", "0")
        raise CgroupError(f"freeze {group.path}: still freezing after {PATIENCE:g} s; thawed again")
    finally:
        posix.close(fd)


def _comes_true(group: int, line: str) -> bool:
    """Whether cgroup.events has this line within PATIENCE seconds."""
    fd = posix.open("cgroup.events", posix.O_RDONLY | posix.O_CLOEXEC, dir_fd=group)
    try:
        poller = select.poll()
        poller.register(fd, select.POLLPRI)
        deadline = time.monotonic() + PATIENCE
        while line not in posix.pread(fd, 4096, 0).decode():
            left = deadline - time.monotonic()
            if left < 0:
                return False
            poller.poll(left * 1000)
        return True
    finally:
        posix.close(fd)


def _read(group: Group, fd: int, name: str) -> str:
    try:
        return files.read_raw(name, fd)
    except OSError as error:
        raise CgroupError(f"read {group.path}/{name}: {reason(error)}") from None


def _write(group: Group, fd: int, name: str, value: str) -> None:
    try:
        files.write_raw(name, value, fd)
    except OSError as error:
        raise CgroupError(f"write {value!r} to {group.path}/{name}: {reason(error)}") from None
