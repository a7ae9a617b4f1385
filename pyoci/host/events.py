"""`events`: statistics now or again and again, and notice of processes that ran out of memory."""

from __future__ import annotations

import select
import time

from pyoci.errors import NO_CGROUP, NOT_RUNNING, CgroupError, StateError, UnsupportedError
from pyoci.kernel import LONGEST_POLL, pidfd
from pyoci.state import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyoci.cgroups import Cgroup
    from pyoci.state.model import State
    from pyoci.state.store import Entry


def stats(entry: Entry) -> dict[str, Any]:
    """One event of the type `stats`. Raises StateError when the container has stopped, CgroupError."""
    state = status.made(entry, "cannot show events of container")
    init = _hold(entry, state)
    pidfd.close(init)
    try:
        return _stats(state, _group(state))
    except CgroupError as error:
        from pyoci.host import ended_meanwhile

        raise ended_meanwhile.cause(error, entry, state, _has_stopped(state)) from None


def follow(entry: Entry, interval: float, emit: Callable[[dict[str, Any]], None]) -> None:
    """Call `emit` with statistics every `interval` seconds and with each `oom`, until the container stops.

    Raises StateError when it has stopped already, CgroupError.
    """
    state = status.made(entry, "cannot show events of container")
    group = _group(state)
    init = _hold(entry, state)
    watch = None
    try:
        watch = group.oom_watch()
        poller = select.poll()
        poller.register(init, select.POLLIN)
        if watch is not None:
            poller.register(watch.fd, watch.events)
        due = time.monotonic() + interval
        while True:
            left = min(LONGEST_POLL, max(0.0, due - time.monotonic()))
            ready = {fd for fd, _ in poller.poll(left * 1000)}
            if watch is not None and watch.fd in ready and watch.happened():
                emit({"type": "oom", "id": state.id})
            if init in ready:
                return
            if (now := time.monotonic()) >= due:
                emit(_stats(state, group))
                # What a pause of ours has missed is left out.
                due = due + interval if due + interval > now else now + interval
    except CgroupError:
        if status.init_lives(state):
            raise
        # somebody has killed and deleted it since the poll
    finally:
        if watch is not None:
            watch.close()
        pidfd.close(init)


def _stats(state: State, group: Cgroup) -> dict[str, Any]:
    data = group.stats()
    if state.resctrl:
        from pyoci.cgroups import resctrl

        data["intel_rdt"] = resctrl.stats(state.resctrl)
    return {"type": "stats", "id": state.id, "data": data}


def _hold(entry: Entry, state: State) -> int:
    init = status.hold_init(state)
    if init is None:
        from pyoci.host import why_ended

        error = StateError(_has_stopped(state))
        error.lead_on(why_ended.afterwards(entry, state))
        raise error
    return init


def _has_stopped(state: State) -> str:
    return f"cannot show statistics: {NOT_RUNNING}: {state.id!r} has stopped"


def _group(state: State) -> Cgroup:
    if not state.cgroup:
        raise UnsupportedError(f"events {state.id}: {NO_CGROUP}")
    return status.cgroup(state)
