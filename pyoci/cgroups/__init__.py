"""Control groups: one interface; the layout and the driver are decided here and nowhere else.

Every cgroup object has the methods of `Cgroup` below. `prepare` decides, plans the limits and touches nothing; `save`
is valid from then on: a `create` that is killed at any point leaves groups that `reopen(saved).destroy()` finds.

    layout    found by                               class
    v2        /sys/fs/cgroup is a cgroup2            v2.UnifiedCgroup
    v1        anything else                          v1.LegacyCgroup (hybrid: and a cgroup2 below it, joined too)
    manager   --cgroup-manager systemd               systemd.SystemdCgroup, which wraps either
              --cgroup-manager disabled              none.NoCgroup

A path names whoever is there now. Which directory it stood for is kept (`group.Group`), and compared before every kill,
move and removal. Processes that are killed when the container is deleted:

    PID namespace       init                          left    killed, after init
    its own             was dead already              NOBODY  nobody: the kernel killed all others with init, and
                                                              whoever is there now came later
    its own             was killed just now           DIRECT  who was moved into the container's group from outside
    shared, the host's  dead or alive                 ALL     the same, and all in groups below it, except in groups
                                                              with another container's mark, or (when the group was
                                                              there before the container) in any
"""

from __future__ import annotations

import posix

from pyoci.errors import CgroupError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from pyoci.wire.cgroup import CgroupMounts

    class Cgroup(Protocol):
        """The groups of one container, in every hierarchy. All methods raise CgroupError."""

        def save(self) -> dict[str, Any]:
            """The argument of `reopen`, as JSON can hold it; empty for a container without groups.

            Saved twice: before `create`, so that a create that is killed leaves nothing that nobody knows of, and after
            `add`, when it is known which directories the paths stand for.
            """

        def create(self, owner: tuple[int, int] | None) -> Cgroup:
            """Make the groups and apply the limits; on failure remove what was made.

            `owner` (uid, gid) gets the group (config-linux.md, "Cgroup ownership"); v1 gives it to nobody, as it asks.
            Returns what holds the container from then on: without groups, where a rootless caller may not make them
            and nothing asks for them. CgroupError when a group is there already and holds processes or is frozen
            (config-linux.md, "Control groups").
            """

        def clone_fd(self) -> int:
            """A directory for CLONE_INTO_CGROUP, owned by the caller; -1 when `add` must do it."""

        def add(self, pid: int) -> None:
            """Move a process (all its threads) in; nothing happens when it is there already."""

        def update(self, resources: dict[str, Any]) -> None:
            """Change limits; what `resources` does not name stays. On failure the former values come back."""

        def freeze(self, frozen: bool) -> None:
            """Stop every process, nested groups included, or have them go on; returns when they do."""

        def is_frozen(self) -> bool: ...

        def kill(self, signal: int) -> None:
            """Send a signal to every process, those forked meanwhile included, and those in nested groups, except in
            those that other containers were made with.
            """

        def thaw_killed(self) -> None:
            """Have processes that are frozen take the SIGKILL that was sent to init: in v1 they do not before they are
            thawed, wherever in the container's groups that is, and init does not end before all others have.
            """

        def pids(self) -> list[int]:
            """Every process, nested groups included, sorted."""

        def stats(self) -> dict[str, Any]:
            """Usage, in the shape of the `data` of runc's `events --stats`."""

        def oom_watch(self) -> OomWatch | None:
            """Where out-of-memory kills are reported; None without a memory controller."""

        def oom_kills(self) -> int:
            """How many of its processes were killed for lack of memory, as far as the group counts it."""

        def why_stuck(self) -> str:
            """Why no process in it goes on: frozen, or waiting for memory; empty when nothing is wrong."""

        def destroy(self, left: str) -> str:
            """Remove the groups and all below them, never their parents. No error when they are gone.

            `left` says which processes are the container's once its init is gone, and are killed: NOBODY, DIRECT or
            ALL. Returns why a group stays, when others' processes are in it.
            """

        def mounts(self, cgroup_namespace: bool) -> CgroupMounts:
            """How the container's own view is mounted; valid after `create`."""

    class OomWatch(Protocol):
        """`fd` becomes ready (POLLIN or POLLPRI) when `happened` may tell something new."""

        fd: int
        events: int

        def happened(self) -> bool:
            """Whether a process was killed (or stopped) for lack of memory since the last call."""

        def close(self) -> None: ...


ROOT = "/sys/fs/cgroup"
NAME_MAX = 255  # bytes
_PATH_MAX = 3800  # PATH_MAX without what lies around it: mount point, file name


# Where relative paths start, whoever calls (config-linux.md, "Cgroups Path": consistently); crun has it so.
RELATIVE_TO = "/"
NOBODY, DIRECT, ALL = "nobody", "direct", "all"
CGROUPFS, SYSTEMD, DISABLED = "cgroupfs", "systemd", "disabled"  # --cgroup-manager
SUBGROUP, DELEGATE = "run.oci.systemd.subgroup", "run.oci.delegate-cgroup"  # annotations: see `subgroups`
FORCE_V1 = "run.oci.systemd.force_cgroup_v1"  # an annotation: see `named`


def prepare(
    cgroups_path: str | None,
    container_id: str,
    *,
    manager: str,
    rootless: bool,
    config_resources: dict[str, Any] | None,
    annotations: dict[str, str] | None = None,
    adopted: bool = False,
) -> Cgroup:
    """The groups that a new container gets; nothing is made yet.

    `cgroups_path` is `linux.cgroupsPath`, `config_resources` is `linux.resources`; `annotations` may hold properties
    for systemd and names of groups below the container's (`subgroups`), `manager` is CGROUPFS, SYSTEMD or DISABLED.
    `adopted`: somebody else (criu) makes the groups and puts processes in them, before `create`. With `rootless`, a
    caller that may not make groups is not an error as long as neither of the two asks for them. Raises CgroupError for
    a path that is broken and for a limit that cannot be had.
    """
    if annotations and annotations.get(DELEGATE):
        from pyoci.cgroups import subgroups

        subgroups.delegated(annotations, is_unified())
    if manager == DISABLED:
        from pyoci.cgroups import none

        return none.prepare(config_resources, is_unified())
    if manager == SYSTEMD:
        from pyoci.cgroups.systemd import prepare as prepare_scope

        return prepare_scope(cgroups_path, container_id, is_unified(), rootless, config_resources, annotations)
    path = _checked(cgroups_path)
    if is_unified():
        from pyoci.cgroups import v2

        cgroup = v2.prepare(path, container_id, rootless, config_resources, adopted)
        if annotations and annotations.get(FORCE_V1):
            cgroup.join_named()
        return cgroup
    from pyoci.cgroups import v1

    return v1.prepare(path, container_id, rootless, config_resources, adopted)


def reopen(saved: dict[str, Any]) -> Cgroup:
    """The groups of an existing container, from what `save` returned. Raises CgroupError."""
    if not saved:
        from pyoci.cgroups.none import NoCgroup

        return NoCgroup()
    try:
        if "systemd" in saved:
            from pyoci.cgroups.systemd import SystemdCgroup

            return SystemdCgroup.reopen(saved)
        if saved["layout"] == "v2":
            from pyoci.cgroups.v2 import UnifiedCgroup

            return UnifiedCgroup.reopen(saved)
        from pyoci.cgroups.v1 import LegacyCgroup

        return LegacyCgroup.reopen(saved)
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
        hint = "; mount a cgroup file system there" if isinstance(error, FileNotFoundError) else ""
        raise CgroupError(f"open {ROOT}: {reason(error)}{hint}") from None
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
        raise CgroupError(f"/linux/cgroupsPath: {path[:80]!r} must not contain '..'")
    if "\0" in path or "\n" in path:
        raise CgroupError(f"/linux/cgroupsPath: {path[:80]!r} holds a line feed or a NUL, which no name can have")
    if not parts:
        raise CgroupError(
            f"/linux/cgroupsPath: {path[:80]!r} names the root group; a container needs a group of its own"
        )
    lengths = [len(part.encode("utf-8", "surrogateescape")) for part in parts]
    if max(lengths) > NAME_MAX:
        raise CgroupError(f"/linux/cgroupsPath: {path[:80]!r}...: one of its names is longer than {NAME_MAX} bytes")
    if sum(lengths) + len(lengths) > _PATH_MAX:
        raise CgroupError(f"/linux/cgroupsPath: {path[:80]!r}...: it is longer than {_PATH_MAX} bytes")
    return ("/" if path.startswith("/") else "") + "/".join(parts)
