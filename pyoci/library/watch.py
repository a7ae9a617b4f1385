"""The end of a container: its exit status is written down by pyoci.host.supervise."""

from __future__ import annotations

import json
import os

from pyoci.errors import StateError
from pyoci.library.outcome import Exit
from pyoci.library.waiting import Deadline, until_readable
from pyoci.state import status as state_status
from pyoci.state.store import EXIT_FILE, Store


class Watch:
    """Descriptors that show that a container has ended, and how: held before somebody deletes it."""

    def __init__(self, root: str, container_id: str) -> None:
        """Raises ContainerNotFound, StateError."""
        self._exit_file = self._supervisor = self._init = -1
        with Store(root).open(container_id) as entry:
            state = entry.read()
            if not state.pid and state_status.creator_lives(state):
                raise StateError(f"wait for {container_id}: it is being created")
            try:
                self._exit_file = os.open(EXIT_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=entry.dirfd)
            except FileNotFoundError:
                pass  # not made by this library: nobody will write it down
            init = state_status.hold_init(state)
            self._init = init if init is not None else -1
            if self._exit_file >= 0:
                supervisor = state_status.hold_creator(state)
                self._supervisor = supervisor if supervisor is not None else -1

    @property
    def fd(self) -> int:
        """Readable once the container's first process has ended."""
        if self._init < 0:
            reader, writer = os.pipe()  # it has ended already: a pipe whose writer is closed
            os.close(writer)
            self._init = reader
        return self._init

    def wait(self, deadline: Deadline, cancel: int = -1) -> Exit:
        """Raises Timeout, Cancelled."""
        for fd in (self._init, self._supervisor):
            if fd >= 0:
                until_readable(fd, deadline, "the container has not ended", cancel)
        return self._read()

    def _read(self) -> Exit:
        if self._exit_file < 0:
            return Exit()
        try:
            members = json.loads(os.pread(self._exit_file, 4096, 0))
            return Exit(members["code"], members["signal"], members["oom_killed"])
        except (ValueError, KeyError, TypeError):
            return Exit()  # its supervisor was killed

    def close(self) -> None:
        for fd in (self._exit_file, self._supervisor, self._init):
            if fd >= 0:
                os.close(fd)
