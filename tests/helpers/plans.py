"""Plans of short configs, as a host with all capabilities and AppArmor makes them."""

from __future__ import annotations

from typing import Any

from pyoci.plan.build import build
from pyoci.plan.facts import Facts
from pyoci.plan.request import Request
from pyoci.wire.plan import Plan

FACTS = Facts(uid=0, gid=0, capabilities=(1 << 41) - 1, apparmor=True, selinux=False)


def plan_of(kinds: tuple[str, ...], **changes: Any) -> Plan:
    """With new namespaces of `kinds`; `linux` and `process` add to their sections, others are whole sections."""
    linux = {"namespaces": [{"type": kind} for kind in kinds], **changes.pop("linux", {})}
    config = {
        "ociVersion": "1.0.0",
        "root": {"path": "rootfs"},
        "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0}, **changes.pop("process", {})},
        "linux": linux,
        **changes,
    }
    return build(config, Request(container_id="c", bundle="/bundle"), FACTS)
