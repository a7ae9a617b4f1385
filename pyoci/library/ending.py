"""The end of one container as this process has seen it."""

from __future__ import annotations

from collections.abc import Sequence

from pyoci.errors import PyociError
from pyoci.library.outcome import Exit, Timeout
from pyoci.library.program import call
from pyoci.library.waiting import Deadline
from pyoci.library.watch import Watch

_PATIENCE = 10.0  # seconds for a supervisor to write down what it knows


class Ending:
    """How a container ended, once this process has waited for it: known even after the container is deleted."""

    def __init__(self, root: str, container_id: str) -> None:
        self._root = root
        self._id = container_id
        self._exit: Exit | None = None

    def wait(self, deadline: Deadline, cancel: int = -1) -> Exit:
        """Raises Timeout, Cancelled, ContainerNotFound."""
        if self._exit is None:
            watch = self.watch()
            try:
                self._exit = watch.wait(deadline, cancel)
            finally:
                watch.close()
        return self._exit

    def watch(self) -> Watch:
        """To be closed by the caller. Raises ContainerNotFound, StateError."""
        return Watch(self._root, self._id)

    def record(self, watch: Watch) -> None:
        """Take down how the container ended, after its first process has. Raises Timeout."""
        self._exit = self._exit or watch.wait(Deadline(_PATIENCE))

    def by_command(self, program: str, words: Sequence[str]) -> None:
        """Call a command that removes the container: how it ended is taken down, and its supervisor is gone, too."""
        watch = None
        try:
            watch = self.watch()
        except PyociError:
            pass  # there is none, or only half of one
        try:
            call(program, self._root, words)
            if watch is not None:
                self.record(watch)
        except Timeout:
            pass
        finally:
            if watch is not None:
                watch.close()
