"""Groups between the container's own and its processes: crun's annotations for a systemd or podman in the container.

    UNIT.scope/SUBGROUP/DELEGATED

    SUBGROUP    run.oci.systemd.subgroup: the processes enter it instead of the unit's own group, and the container's
                cgroup namespace begins there. Limits stay at the unit.
    DELEGATED   run.oci.delegate-cgroup: init goes on into it once its cgroup namespace has been made, and further
                processes enter it. All controllers are enabled for it, and it belongs to the container's user, who may
                make groups below it; the group around it, which has the limits, stays the runtime's.

Both are below what `delete` removes with everything in it.
"""

from __future__ import annotations

import posix

from pyoci.cgroups import DELEGATE, NAME_MAX, SUBGROUP, files
from pyoci.cgroups.group import Group
from pyoci.errors import NO_CGROUP, CgroupError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What can be delegated where the kernel does not list it (config-linux.md, "Cgroup ownership").
_DELEGATED = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")


def subgroup(annotations: dict[str, str]) -> str:
    """The path of SUBGROUP below the unit; empty without one. Raises CgroupError."""
    return _checked(SUBGROUP, annotations.get(SUBGROUP, ""))


def delegated(annotations: dict[str, str], unified: bool) -> str:
    """The path of DELEGATED; empty without one. Raises CgroupError, for cgroup v1 as well."""
    path = _checked(DELEGATE, annotations.get(DELEGATE, ""))
    if path and not unified:
        raise CgroupError(f"annotation {DELEGATE}: needs cgroup v2; in v1 the kernel does not hold the container to it")
    return path


def _checked(name: str, text: str) -> str:
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in text or "\n" in text:
        raise CgroupError(f"annotation {name}: {files.shown(text)} must be a path below the container's cgroup")
    if any(len(part.encode("utf-8", "surrogateescape")) > NAME_MAX for part in parts):
        raise CgroupError(f"annotation {name}: {files.shown(text)} has a part longer than {NAME_MAX} bytes")
    return "/".join(parts)


def make(group: Group, leaf: str) -> None:
    """Make the groups of the path `leaf` in the container's group. Raises CgroupError."""
    path = group.path
    for part in leaf.split("/"):
        path = f"{path}/{part}"
        try:
            posix.mkdir(path, 0o755)
        except FileExistsError:
            pass
        except OSError as error:
            raise CgroupError(f"make cgroup {path}: {reason(error)}") from None


def enable(group: Group, leaf: str) -> None:
    """Enable all controllers that the container's group has for the groups of `leaf`, as far as that is possible.

    No process may be in the groups above the last one. Raises CgroupError.
    """
    from pyoci.cgroups import controllers

    path = group.path
    for part in leaf.split("/"):
        controllers.enable_below(path, files.read(f"{path}/cgroup.controllers").split(), {})
        path = f"{path}/{part}"


def give(place: str, uid: int, gid: int) -> None:
    """config-linux.md, "Cgroup ownership". Raises CgroupError."""
    listed = files.read_optional("/sys/kernel/cgroup/delegate")
    names = _DELEGATED if listed is None else tuple(listed.split())
    for path in (place, *(f"{place}/{name}" for name in names)):
        try:
            posix.chown(path, uid, gid)
        except FileNotFoundError:
            continue  # not every file that can be delegated exists in every group
        except OSError as error:
            raise CgroupError(f"give {path} to user {uid}: {reason(error)}") from None


def hand_over(saved: dict[str, Any], name: str, pid: int, owner: tuple[int, int] | None) -> dict[str, Any]:
    """Move init, alone in the container's group of v2 and in its cgroup namespace, on into DELEGATED.

    `saved` is what the container's cgroup saved; returns it with the place that further processes enter. `owner` (uid,
    gid) gets the new group; None: it stays the runtime's. Raises CgroupError.
    """
    if not saved:
        raise CgroupError(f"annotation {DELEGATE}: {NO_CGROUP}")
    group = Group.from_saved(saved["groups"][""])
    group.check()
    around = saved.get("leaf", "")
    leaf = f"{around}/{name}" if around else name
    make(group, leaf)
    place = f"{group.path}/{leaf}"
    files.write(f"{place}/cgroup.procs", str(pid))
    enable(group, leaf)
    if owner is not None:
        give(place, *owner)
    return {**saved, "leaf": leaf}
