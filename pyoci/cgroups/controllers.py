"""Controllers of cgroup v2: which there are, and having them enabled down to a container's group.

See Documentation/admin-guide/cgroup-v2.rst of the kernel, "Controlling Controllers".
"""

from __future__ import annotations

import errno

from pyoci.cgroups import files
from pyoci.errors import CgroupError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyoci.cgroups.group import Group
    from pyoci.cgroups.writes import Write

# Files that are there without any controller.
_CORE = frozenset(("cgroup", "irq"))


def available(mount: str) -> frozenset[str]:
    """The controllers that this part of the hierarchy has."""
    return frozenset((files.read_optional(f"{mount}/cgroup.controllers") or "").split())


def require(writes: Iterable[Write], mount: str) -> None:
    """Raise CgroupError when a write needs a controller that this part of the hierarchy does not have."""
    there: frozenset[str] | None = None
    for item in writes:
        if item.controller in _CORE:
            continue
        there = available(mount) if there is None else there
        if item.controller not in there:
            words = ", ".join(sorted(there)) or "none"
            raise CgroupError(
                f"{item.name}: the {item.controller} controller is not available in cgroup v2 here; there are: {words}"
            )


def enable_all(group: Group) -> None:
    """Enable for the group whatever can be: statistics need it, and a later update finds no obstacle.

    A controller that cannot be enabled is an error only when a limit needs it.
    """
    top = files.read(f"{group.mount}/cgroup.controllers").split()
    have = files.read(f"{group.path}/cgroup.controllers").split()
    if len(have) < len(top):
        _enable_down(group, top)


def enable_needed(group: Group, writes: Iterable[Write]) -> None:
    """Raise CgroupError, with the reason, when a controller that is needed cannot be enabled for the group."""
    needed = [item for item in writes if item.controller not in _CORE]
    have = files.read(f"{group.path}/cgroup.controllers").split()
    missing = sorted({item.controller for item in needed}.difference(have))
    if not missing:
        return
    refused = _enable_down(group, missing)
    have = files.read(f"{group.path}/cgroup.controllers").split()
    for item in needed:
        if item.controller not in have:
            why = refused.get(item.controller, "a parent does not have it")
            raise CgroupError(f"{item.name}: enable the {item.controller} controller for {group.path}: {why}")


def _enable_down(group: Group, controllers: list[str]) -> dict[str, str]:
    """Enable controllers in every parent from the mount down to the one above `group`; the reasons of refusals."""
    refused: dict[str, str] = {}
    path = group.mount
    for part in group.name.strip("/").split("/"):
        enable_below(path, controllers, refused)
        path = f"{path}/{part}"
    return refused


def enable_below(path: str, controllers: Iterable[str], refused: dict[str, str]) -> None:
    """Enable those of `controllers` that the group `path` has, for the groups in it; `refused` gets the reasons.

    Raises CgroupError when the group's own files cannot be read.
    """
    there = files.read(f"{path}/cgroup.controllers").split()
    on = files.read(f"{path}/cgroup.subtree_control").split()
    todo = [name for name in controllers if name in there and name not in on]
    if not todo:
        return
    if not on and _would_become_threaded(path):
        words = "it has processes of its own, which excludes limits for groups in it"
        refused.update(dict.fromkeys(todo, f"{path} does not enable it: {words}"))
        return
    try:
        files.write_raw(f"{path}/cgroup.subtree_control", " ".join(f"+{name}" for name in todo))
    except OSError:
        _enable_each(path, todo, refused)


def _would_become_threaded(path: str) -> bool:
    """Whether the group has processes, and is not the top of the hierarchy, which may have.

    The kernel refuses most controllers then; with cpu, cpuset, perf_event or pids alone it makes the group the root of
    a threaded subtree, which lists the processes of all groups below it as its own.
    """
    kind = files.read_optional(f"{path}/cgroup.type")
    return kind is not None and kind.strip() == "domain" and bool(files.read_optional(f"{path}/cgroup.procs"))


def _enable_each(path: str, names: list[str], refused: dict[str, str]) -> None:
    for name in names:
        try:
            files.write_raw(f"{path}/cgroup.subtree_control", f"+{name}")
        except OSError as error:
            words = f"write '+{name}' to {path}/cgroup.subtree_control: {reason(error)}"
            if error.errno == errno.EBUSY:
                words += "; the group has processes of its own, which excludes limits for groups in it"
            elif error.errno == errno.EOPNOTSUPP:
                words += "; the group is threaded"
            refused[name] = words
