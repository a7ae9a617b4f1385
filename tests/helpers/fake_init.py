"""A process that behaves towards the state and start code as an init does, without any container."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from pyoci.kernel import proc_stat, signals
from pyoci.state.model import State
from pyoci.state.store import START_SOCKET, Entry, Store

SLEEP = "/bin/sleep"


def state(container_id: str, **fields: Any) -> State:
    """A record as `create` writes it; `fields` replace or add."""
    values: dict[str, Any] = {
        "oci_version": "1.0.2",
        "id": container_id,
        "bundle": "/",
        "rootfs": "/rootfs",
        "created": "2026-01-01T00:00:00.123456789Z",
        "owner": "root",
        "boot_id": proc_stat.boot_id(),
        "cgroup": {},
        "resctrl": {},
        "annotations": {},
        "hooks": {},
    }
    return State(**values | fields)


def published(store: Store, container_id: str, **fields: Any) -> Entry:
    """An entry as others find it, unlocked; with a record when `fields` say what is in it."""
    entry = store.reserve(container_id)
    if fields:
        entry.write(state(container_id, **fields))
    entry.publish()
    entry.unlock()
    return entry


class FakeInit:
    """A child process that holds the start socket of `entry` and acts when `start` has sent it a descriptor.

    `on_start` gets the descriptor in the child; the default executes a program that sleeps.
    """

    def __init__(self, entry: Entry, on_start: Callable[[int], object] | None = None) -> None:
        starter = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        starter.bind(f"/proc/self/fd/{entry.dirfd}/{START_SOCKET}")
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signals.let_through()
                signals.reset()
                entry.close()
                on_start = on_start or (lambda _fd: os.execv(SLEEP, ["sleep", "60"]))
                on_start(_receive(starter))
            finally:
                os._exit(1)
        starter.close()
        self.start = proc_stat.start_time(self.pid)

    def kill(self) -> None:
        """Kill it and leave a zombie, as long as nobody has waited for it."""
        os.kill(self.pid, 9)
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def reap(self) -> int:
        """End it if it has not; its exit status, or minus the signal."""
        try:
            os.kill(self.pid, 9)
        except ProcessLookupError:
            return 0
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _receive(starter: socket.socket) -> int:
    packet, ancillary, _, _ = starter.recvmsg(64, socket.CMSG_SPACE(4))
    if packet != b"START":
        os._exit(2)
    fd: int = struct.unpack("i", ancillary[0][2])[0]
    os.set_inheritable(fd, False)
    return fd
