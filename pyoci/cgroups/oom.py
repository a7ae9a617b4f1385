"""Notice of processes that ran out of memory."""

from __future__ import annotations

import os
import select

from pyoci.cgroups import files
from pyoci.errors import CgroupError, reason


class WatchV1:
    """An eventfd that the memory controller counts up: Documentation/admin-guide/cgroup-v1/memory.rst,
    section 9.
    """

    __slots__ = ("_control", "_group", "events", "fd")

    def __init__(self, group: str) -> None:
        self._group = group
        self.events = select.POLLIN
        try:
            self._control = os.open(f"{group}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise CgroupError(f"open {group}/memory.oom_control: {reason(error)}") from None
        try:
            self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        except OSError as error:
            os.close(self._control)
            raise CgroupError(f"watch {group}: eventfd: {reason(error)}") from None
        try:
            files.write(f"{group}/cgroup.event_control", f"{self.fd} {self._control}")
        except CgroupError:
            self.close()
            raise

    def happened(self) -> bool:
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return False
        # Its removal counts, too.
        return os.path.exists(f"{self._group}/cgroup.event_control")

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._control)


class WatchV2:
    """memory.events, whose change wakes a poll(2) for POLLPRI."""

    __slots__ = ("_count", "events", "fd")

    def __init__(self, group: str) -> None:
        self.events = select.POLLPRI
        try:
            self.fd = os.open(f"{group}/memory.events", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise CgroupError(f"open {group}/memory.events: {reason(error)}") from None
        self._count = self._read()

    def happened(self) -> bool:
        before, self._count = self._count, self._read()
        return self._count > before

    def close(self) -> None:
        os.close(self.fd)

    def _read(self) -> int:
        try:
            text = os.pread(self.fd, 4096, 0).decode()
        except OSError:
            return 0  # ENODEV: the group is gone
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))
