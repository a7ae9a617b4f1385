"""Whether a process that the host's side waits for can go on at all: no wait is for ever.

A hook may take any time, so a wait for init has no limit of its own. But a process that is stopped or frozen, or that
waits for memory that its limit does not give it, never answers: after `messages.PATIENCE` seconds of that the
wait ends.
"""

from __future__ import annotations

from pyoci.kernel import proc_stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cgroups import Cgroup


def why(pid: int, cgroup: Cgroup) -> str:
    """Why the process does not go on, or nothing: what `Channel.watch` asks every second."""
    stat = proc_stat.stat(pid)
    if stat is not None and stat[0] in proc_stat.STOPPED:
        return f"process {pid} is stopped, by a signal or a tracer: the container cannot go on"
    return frozen_or_starved(pid, cgroup)


def frozen_or_starved(pid: int, cgroup: Cgroup) -> str:
    words = cgroup.why_stuck()
    if words:
        return words
    from pyoci.cgroups import why_stuck

    return why_stuck.moved_and_frozen(pid)
