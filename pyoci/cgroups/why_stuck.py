"""Why a container's init, or a process that enters it, does not go on, in words: see `Cgroup.why_stuck`."""

from __future__ import annotations

from pyoci.cgroups import files
from pyoci.errors import CgroupError

UNDER_OOM = (
    "container init waits for memory: its memory limit is too low, and the OOM killer is disabled for it "
    "(memory.disableOOMKiller)"
)


def frozen(path: str) -> str:
    return f"container init does not run: its cgroup {path} is frozen, or a parent of it is"


def moved_and_frozen(pid: int) -> str:
    """Words when the process is in a frozen group, wherever somebody has moved it; else nothing.

    Each process that sees it and may write to a group can do that: root of a container with a writable cgroup mount.
    """
    try:
        place = _frozen_place(pid)
    except CgroupError:
        return ""  # it has ended
    return f"process {pid} does not run: it was moved into the cgroup {place}, which is frozen" if place else ""


def _frozen_place(pid: int) -> str:
    from pyoci.cgroups import hierarchies

    groups = hierarchies.parse_proc_cgroup(files.read(f"/proc/{pid}/cgroup"))
    for hierarchy in hierarchies.mounted():
        group = groups.get(hierarchy.controllers)
        if group is None:
            continue
        place = hierarchy.mount + hierarchies.below_mount(group, hierarchy.root)
        if "freezer" in hierarchy.controllers.split(","):
            if files.read_optional(f"{place}/freezer.state") not in (None, "THAWED\n"):
                return place
        elif not hierarchy.controllers and "frozen 1" in (files.read_optional(f"{place}/cgroup.events") or ""):
            return place
    return ""
