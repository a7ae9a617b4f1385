"""Scheduling and memory placement: `process.scheduler`, `process.ioPriority`, `linux.memoryPolicy`.

oom_score_adj, and in a user namespace rlimits, are the host's to set: it keeps the privilege that init loses there.
"""

from __future__ import annotations

from pyoci.kernel import process
from pyoci.wire.plan import Plan, Process


def apply(plan: Plan) -> None:
    if plan.memory_policy is not None:
        policy = plan.memory_policy
        process.set_memory_policy(policy.mode, policy.nodemask, len(policy.nodemask) * 8 + 1, policy.words)
    if plan.process is not None:
        schedule(plan.process)


def set_rlimits(wanted: Process) -> None:
    """While init still has the runtime's uid, which prlimit(2) asks for where CAP_SYS_RESOURCE is missing."""
    for name, number, soft, hard in wanted.rlimits:
        process.set_rlimit(number, soft, hard, name)


def schedule(wanted: Process) -> None:
    if wanted.scheduler is not None:
        asked = wanted.scheduler
        process.set_scheduler(
            asked.policy,
            asked.flags,
            asked.nice,
            asked.priority,
            asked.runtime,
            asked.deadline,
            asked.period,
            asked.words,
        )
    if wanted.io_priority is not None:
        process.set_io_priority(*wanted.io_priority)
