"""Scheduling, memory placement and personality: `process.scheduler`, `process.ioPriority`, `linux.memoryPolicy`,
`linux.personality`.

oom_score_adj, and in a user namespace rlimits, are the host's to set: it keeps the privilege that init loses there.
"""

from __future__ import annotations

from pyoci.kernel import process
from pyoci.kernel.deferred import Call
from pyoci.wire.plan import MemoryPolicy, Process


def personality(number: int | None) -> None:
    if number is not None:
        process.set_personality(number)


def place_memory(policy: MemoryPolicy | None) -> None:
    if policy is not None:
        process.set_memory_policy(policy.mode, policy.nodemask, len(policy.nodemask) * 8 + 1, policy.words)


def set_rlimits(planned: Process) -> None:
    """While init still has the runtime's uid, which prlimit(2) asks for where CAP_SYS_RESOURCE is missing."""
    for name, number, soft, hard in planned.rlimits:
        process.set_rlimit(number, soft, hard, name)


def own(planned: Process) -> list[Call]:
    """Made by the process that becomes the program, without privileges: it can lower limits, and not raise them."""
    return [process.own_rlimit(number, soft, hard, name) for name, number, soft, hard in planned.rlimits]


def schedule(planned: Process) -> list[Call]:
    """Made by the process that becomes the program: not every policy goes over to a child (sched(7))."""
    if planned.scheduler is None:
        return []
    asked = planned.scheduler
    return [
        process.scheduler(
            asked.policy,
            asked.flags,
            asked.nice,
            asked.priority,
            asked.runtime,
            asked.deadline,
            asked.period,
            asked.words,
        )
    ]


def prioritize_io(planned: Process) -> None:
    if planned.io_priority is not None:
        process.set_io_priority(*planned.io_priority)
