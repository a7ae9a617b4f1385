"""Scheduling, memory placement and personality: `process.scheduler`, `process.ioPriority`, `linux.memoryPolicy`,
`linux.personality`.

oom_score_adj is the host's to set: it keeps the privilege that init loses in a user namespace. It raises hard rlimits
there, too.
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


def raise_hard_limits(planned: Process) -> None:
    """While init still has the runtime's capabilities; `own` needs none then."""
    for name, number, soft, hard in planned.rlimits:
        process.raise_hard_limit(number, soft, hard, name)


def own(planned: Process) -> list[Call]:
    """Made by the process that becomes the program, without privileges: it can lower limits, and not raise them.

    Last of all, since a limit of few files, or of files of no bytes, is the program's: init still gets a descriptor
    from `start`, and runs hooks.
    """
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
