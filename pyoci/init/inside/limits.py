"""Scheduling and memory placement: `process.scheduler`, `process.ioPriority`, `linux.memoryPolicy`.

rlimits and oom_score_adj are the host's to set: it has the privilege where a user namespace takes it from init.
"""

from __future__ import annotations

from pyoci.kernel import process
from pyoci.wire.plan import Plan


def apply(plan: Plan) -> None:
    if plan.memory_policy is not None:
        policy = plan.memory_policy
        process.set_memory_policy(policy.mode, policy.nodemask, len(policy.nodemask) * 8 + 1, policy.words)
    if plan.process is None:
        return
    if plan.process.scheduler is not None:
        wanted = plan.process.scheduler
        process.set_scheduler(
            wanted.policy,
            wanted.flags,
            wanted.nice,
            wanted.priority,
            wanted.runtime,
            wanted.deadline,
            wanted.period,
            wanted.words,
        )
    if plan.process.io_priority is not None:
        process.set_io_priority(*plan.process.io_priority)
