"""Samples of all containers below a state root."""

from __future__ import annotations

import time

from pyoci.errors import PyociError
from pyoci.state import status as statuses
from pyoci.state.store import Store
from pyoci.top import model
from pyoci.top.model import Row, Sample

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.state.model import State

_TICKS = 100  # USER_HZ, in which proc_pid_stat(5) counts on all machines that pyoci runs on
_COUNTED = (statuses.RUNNING, statuses.PAUSED, statuses.CREATED)


class Watch:
    """Rows of the containers `ids`, or of all of them: each call of `rows` counts from the one before."""

    def __init__(self, root: str, ids: list[str]) -> None:
        self._store = Store(root)
        self._ids = ids
        self._before: dict[str, Sample] = {}

    def check(self) -> None:
        """Raises ContainerNotFound for an ID that there is not."""
        for container_id in self._ids:
            self._store.look(container_id).close()

    def rows(self) -> list[Row]:
        samples = {}
        for container_id in self._ids or self._store.ids():
            try:
                samples[container_id] = self._sample(container_id)
            except PyociError:
                continue  # deleted meanwhile, or a create that was killed: `list` says why
        rows = [model.row(self._before.get(name), sample) for name, sample in samples.items()]
        self._before = samples
        return rows

    def _sample(self, container_id: str) -> Sample:
        with self._store.look(container_id) as entry:
            state = entry.read()
            current = statuses.status(entry, state)
        now = time.monotonic()
        if current not in _COUNTED or not state.cgroup:
            return Sample(id=container_id, status=current, time=now, pressure={})
        group = statuses.cgroup(state)
        sample = model.sample(container_id, current, now, group.stats())
        sample.oom_kills = group.oom_kills()
        sample.uptime = _uptime(state)
        return sample


def _uptime(state: State) -> float:
    """Seconds since init was made."""
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - state.pid_start / _TICKS)
