"""`hostname` and `domainname` (config.md)."""

from __future__ import annotations

from pyoci.kernel import process
from pyoci.wire.plan import Plan


def apply(plan: Plan) -> None:
    if plan.hostname:
        process.set_host_name(plan.hostname)
    if plan.domainname:
        process.set_domain_name(plan.domainname)
