"""Control groups: one interface; which layout and which driver is decided here and nowhere else.

Every group object has the methods of `Cgroup` below. `prepare` decides and touches nothing, `save` is valid
from then on: a `create` that is killed at any point leaves groups that `reopen(saved).destroy()` finds.

    layout    found by                               module
    v2        /sys/fs/cgroup is a cgroup2            v2
    v1        anything else                          v1 (hybrid: and a cgroup2 below it, joined too)
    driver    --systemd-cgroup                       systemd, which wraps either
"""

from __future__ import annotations

import posix

from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from pyoci.wire.cgroup import CgroupMounts

    class Cgroup(Protocol):
        """The groups of one container, in every hierarchy. All methods raise CgroupError."""

        def save(self) -> dict[str, Any]:
            """What `reopen` needs, as JSON can hold it; empty after a `create` that had to do without groups."""

        def create(self, resources: dict[str, Any] | None) -> None:
            """Make the groups and apply `linux.resources`; on failure remove what was made.

            CgroupError when a group is there already and holds processes or is frozen (config-linux.md,
            "Control groups").
            """

        def clone_fd(self) -> int:
            """A directory for CLONE_INTO_CGROUP, owned by the caller; -1 when `add` must do it."""

        def add(self, pid: int) -> None:
            """Move a process (all its threads) in; nothing happens when it is there already."""

        def update(self, resources: dict[str, Any]) -> None:
            """Change limits; what `resources` does not name stays. On failure the former values come back."""

        def freeze(self) -> None:
            """Stop every process, nested groups included; returns when they stand still."""

        def thaw(self) -> None: ...

        def is_frozen(self) -> bool: ...

        def kill(self, signal: int) -> None:
            """Send a signal to every process, those in nested groups and those forked meanwhile included."""

        def pids(self) -> list[int]:
            """Every process, nested groups included, sorted."""

        def stats(self) -> dict[str, Any]:
            """Usage, in the shape of the `data` of runc's `events --stats`."""

        def oom_kills(self) -> int:
            """How many of its processes were killed for want of memory, as far as the group counts it."""

        def oom_watch(self) -> OomWatch | None:
            """Where out-of-memory kills are reported; None without a memory controller."""

        def destroy(self) -> None:
            """Remove the groups and all below them, never their parents. No error when they are gone."""

        def mounts(self, cgroup_namespace: bool) -> CgroupMounts:
            """How the container's own view is mounted; valid after `create`."""

        def delegate(self, uid: int, gid: int) -> None:
            """Give the group to a user (config-linux.md, "Cgroup ownership"); without effect on v1, as it
            asks.
            """

    class OomWatch(Protocol):
        """`fd` becomes ready (POLLIN or POLLPRI) when `happened` may tell something new."""

        fd: int
        events: int

        def happened(self) -> bool:
            """Whether a process was killed (or stopped) for lack of memory since the last call."""

        def close(self) -> None: ...


ROOT = "/sys/fs/cgroup"


def prepare(
    cgroups_path: str | None,
    container_id: str,
    *,
    systemd: bool,
    rootless: bool,
    config_resources: dict[str, Any] | None,
    annotations: dict[str, str] | None = None,
) -> Cgroup:
    """The groups that a new container gets; nothing is made yet.

    `cgroups_path` is `linux.cgroupsPath`, `config_resources` is `linux.resources`; `annotations` may hold properties
    for systemd. With `rootless`, a caller
    that may not make groups is no error as long as neither of the two asks for them. Raises CgroupError for a
    path that is broken and for a resource whose controller is not there.
    """
    if systemd:
        from pyoci.cgroups.systemd import prepare as prepare_scope

        return prepare_scope(cgroups_path, container_id, is_unified(), rootless, config_resources, annotations)
    path = _checked(cgroups_path)
    if is_unified():
        from pyoci.cgroups import v2

        return v2.prepare(path, container_id, rootless, config_resources)
    from pyoci.cgroups import v1

    return v1.prepare(path, container_id, rootless, config_resources)


def reopen(saved: dict[str, Any]) -> Cgroup:
    """The groups of an existing container, from what `save` returned. Raises CgroupError."""
    if not saved:
        from pyoci.cgroups.v2 import Group

        return Group("", "", rootless=True, tolerant=True, devices=False)
    try:
        if "systemd" in saved:
            from pyoci.cgroups.systemd import Scope

            return Scope.reopen(saved)
        if saved["layout"] == "v2":
            from pyoci.cgroups.v2 import Group

            return Group.reopen(saved)
        from pyoci.cgroups.v1 import Groups

        return Groups.reopen(saved)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise CgroupError(f"read the container's cgroups from its state: {saved!r} is not what was saved") from None


def is_unified() -> bool:
    """Whether /sys/fs/cgroup is a cgroup2 file system. Raises CgroupError when there is none at all."""
    # Here and not at the top: what reopens a group need not ask.
    from pyoci.kernel import uapi
    from pyoci.kernel.mount import magic

    try:
        fd = posix.open(ROOT, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except OSError as error:
        raise CgroupError(
            f"open {ROOT}: {posix.strerror(error.errno or 0).lower()}; mount a cgroup file system there"
        ) from None
    try:
        return magic(fd) == uapi.CGROUP2_SUPER_MAGIC
    finally:
        posix.close(fd)


def _checked(path: str | None) -> str | None:
    """`linux.cgroupsPath` without empty and `.` parts; None when it is not given."""
    if not path:
        return None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise CgroupError(f"cgroupsPath {path!r}: '..' is not allowed in it")
    if "\0" in path or "\n" in path:
        raise CgroupError(f"cgroupsPath {path!r}: the kernel allows no line feed and no NUL in a group's name")
    if not parts:
        raise CgroupError(f"cgroupsPath {path!r}: names the root group; a container needs a group of its own")
    if len(max(parts, key=len).encode("utf-8", "surrogateescape")) > 255:
        raise CgroupError(f"cgroupsPath {path[:80]!r}...: a part is longer than 255 bytes")
    return ("/" if path.startswith("/") else "") + "/".join(parts)
