"""Version 2: one group in the unified hierarchy. See Documentation/admin-guide/cgroup-v2.rst of the kernel."""

from __future__ import annotations

import errno
import posix

from pyoci.cgroups import ALL, NOBODY, RELATIVE_TO, ROOT, files
from pyoci.cgroups.group import Gone, Group, is_frozen_v2, is_not_marked, remove_made
from pyoci.errors import CgroupError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.cgroups import OomWatch
    from pyoci.cgroups.limits import Limits
    from pyoci.cgroups.none import NoCgroup
    from pyoci.cgroups.writes import Former, Write
    from pyoci.wire.cgroup import CgroupMounts

# Controllers that work in a threaded group (cgroup-v2.rst, "Threads").
_THREADED = frozenset(("cpu", "cpuset", "perf_event", "pids"))


def prepare(
    path: str | None, container_id: str, rootless: bool, resources: dict[str, Any] | None, adopted: bool
) -> UnifiedCgroup:
    """See `pyoci.cgroups.prepare`."""
    if path is None:
        name = f"{beside_own()}/{container_id}"
    elif path[0] == "/":
        name = path
    else:
        name = f"{_delegated_to_user() if rootless else ''}{RELATIVE_TO}{path}"
    from pyoci.cgroups import controllers, limits

    group = Group(ROOT, name)
    # Now, before anybody writes this down as the container's.
    group.look_for_user()
    planned = limits.of_new_group(resources, unified=True)
    controllers.require((item for batch in planned.batches for item in batch), ROOT)
    tolerant = rootless and path is None
    return UnifiedCgroup(group, container_id, rootless, limits=planned, tolerant=tolerant, adopted=adopted)


def beside_own() -> str:
    """The parent of this process's own group: in its own, processes and nested groups would exclude each
    other.
    """
    runtime_group = _own()
    return runtime_group[: runtime_group.rindex("/")] if runtime_group else ""


def _own() -> str:
    """This process's own group below the mount; empty for its top."""
    from pyoci.cgroups import hierarchies

    runtime_group = hierarchies.own_groups().get("", "/")
    for hierarchy in hierarchies.mounted():
        if hierarchy.mount == ROOT:
            return hierarchies.below_mount(runtime_group, hierarchy.root)
    return runtime_group.rstrip("/")


def _delegated_to_user() -> str:
    """The highest group above our own that belongs to us: the same from every session; empty when none does."""
    runtime_group, delegated = _own(), ""
    while runtime_group:
        if posix.stat(ROOT + runtime_group).st_uid == posix.geteuid():
            delegated = runtime_group
        elif delegated:
            break
        runtime_group = runtime_group[: runtime_group.rindex("/")]
    return delegated


class UnifiedCgroup:
    """See `pyoci.cgroups.Cgroup`.

    limits    of a container that is being made; None when it was reopened
    tolerant  whether the container can do without, where the caller may not make groups
    adopted   systemd or criu makes the group; it is taken as it is, with processes in it
    leaf      below the group, where processes enter: empty for the group itself
    named     a group of v1, as well: see `cgroups.named`
    earlier_oom_kills  those of a group that was there before the container
    """

    __slots__ = (
        *("_adopted", "_id", "_limits", "_rootless", "_tolerant", "_undo"),
        *("earlier_oom_kills", "group", "leaf", "named"),
    )

    def __init__(
        self,
        group: Group,
        container_id: str,
        rootless: bool,
        *,
        limits: Limits | None = None,
        tolerant: bool = False,
        adopted: bool = False,
        leaf: str = "",
        named: Group | None = None,
        earlier_oom_kills: int = 0,
    ) -> None:
        self.group = group
        self.earlier_oom_kills = earlier_oom_kills
        self.leaf = leaf
        self.named = named
        self._id = container_id
        self._rootless = rootless
        self._limits = limits
        self._tolerant = tolerant
        self._adopted = adopted
        self._undo: list[str] = []

    @classmethod
    def reopen(cls, saved: dict[str, Any]) -> UnifiedCgroup:
        leaf = saved.get("leaf", "")
        named = Group.from_saved(saved["named"]) if "named" in saved else None
        group, earlier = Group.from_saved(saved["groups"][""]), saved.get("earlier_oom_kills", 0)
        return cls(group, "", saved["rootless"], leaf=leaf, named=named, earlier_oom_kills=earlier)

    def save(self) -> dict[str, Any]:
        saved = {"layout": "v2", "groups": {"": self.group.save()}, "rootless": self._rootless}
        if self.leaf:
            saved["leaf"] = self.leaf
        if self.named is not None:
            saved["named"] = self.named.save()
        if self.earlier_oom_kills:
            saved["earlier_oom_kills"] = self.earlier_oom_kills
        return saved

    def join_named(self) -> None:
        """Plan the group of v1, of the same name. Raises CgroupError."""
        from pyoci.cgroups import named

        self.named = named.find(self.group.name)

    def create(self, owner: tuple[int, int] | None) -> UnifiedCgroup | NoCgroup:
        from pyoci.cgroups import controllers, limits

        planned = self._limits or limits.of_new_group(None, unified=True)
        try:
            try:
                self.group.make(self._undo, in_use=self._adopted)
            except OSError as error:
                if self._tolerant and error.errno in files.NOT_PERMITTED and not planned.batches:
                    from pyoci.cgroups.none import NoCgroup

                    return NoCgroup()
                raise CgroupError(f"make cgroup {self.group.path}: {reason(error)}") from None
            self.group.made |= self._adopted
            self.group.mark(self._id)
            controllers.enable_all(self.group)
            if not self.group.made:
                self.earlier_oom_kills = self.oom_kills()
            self._check_type(bool(planned.batches))
            self._apply(planned)
            if self.leaf or owner is not None:
                from pyoci.cgroups import subgroups

                if self.leaf:
                    subgroups.make(self.group, self.leaf)
                if owner is not None:
                    subgroups.give(self._where, *owner)
            if self.named is not None:
                from pyoci.cgroups import named

                named.make(self.named, self._undo, owner)
        except CgroupError:
            remove_made(self._undo)
            raise
        return self

    def clone_fd(self) -> int:
        fd = self._open_leaf()
        if self._has_controllers_below(fd):
            posix.close(fd)
            return -1
        return fd

    def add(self, pid: int) -> None:
        if self.named is not None:
            from pyoci.cgroups import named

            named.add(self.named, pid)
        fd = self._open_leaf()
        try:
            files.write_raw("cgroup.procs", str(pid), fd)
        except OSError as error:
            if error.errno != errno.EBUSY or not self._add_beside_others(fd, pid):
                hint = "; it has controllers enabled for nested groups" if error.errno == errno.EBUSY else ""
                raise CgroupError(f"move process {pid} into {self._where}: {reason(error)}{hint}") from None
        finally:
            posix.close(fd)

    def enable_leaf(self) -> None:
        """Give the leaf the controllers of the group, in which no process is any more. Raises CgroupError."""
        if self.leaf:
            from pyoci.cgroups import subgroups

            subgroups.enable(self.group, self.leaf)

    def update(self, resources: dict[str, Any]) -> None:
        self.apply_update(self.plan_update(resources))

    def plan_update(self, resources: dict[str, Any]) -> Limits:
        """The limits as they are written then. Raises CgroupError for what cannot be had."""
        from pyoci.cgroups import controllers, limits

        self.group.check()
        needed = limits.facts_needed(resources)
        facts = {name: text for name in needed if (text := files.read_optional(f"{self.group.path}/{name}"))}
        planned = limits.of_update(resources, facts, unified=True)
        controllers.require((item for batch in planned.batches for item in batch), self.group.mount)
        return planned

    def apply_update(self, planned: Limits) -> Former:
        """Write what `plan_update` returned; on failure the former values come back. Raises CgroupError."""
        return self._apply(planned, restore=True)

    def freeze(self, frozen: bool) -> None:
        from pyoci.cgroups import freezer

        freezer.set_v2(self.group, frozen)

    def is_frozen(self) -> bool:
        return is_frozen_v2(self.group)

    def kill(self, signal: int) -> None:
        self._kill(signal, nested=True)

    def thaw_killed(self) -> None:
        if self.is_frozen():
            self.freeze(False)

    def pids(self) -> list[int]:
        return self.group.pids()

    def is_in_use(self) -> bool:
        """Whether the paths stand for groups with processes in them, this container's or not. Raises CgroupError."""
        return self.group.is_in_use()

    def stats(self) -> dict[str, Any]:
        from pyoci.cgroups import stats_v2

        self.group.check()
        return stats_v2.collect(self.group.path)

    def oom_watch(self) -> OomWatch | None:
        from pyoci.cgroups import oom

        if not (self.group.is_there() and posix.access(f"{self.group.path}/memory.events", posix.F_OK)):
            return None
        return oom.WatchV2(self.group.path)

    def oom_kills(self) -> int:
        if not self.group.is_there():
            return 0
        return files.count(f"{self.group.path}/memory.events", "oom_kill") - self.earlier_oom_kills

    def why_stuck(self) -> str:
        from pyoci.cgroups import why_stuck

        return why_stuck.frozen(self.group.path) if self.is_frozen() else ""

    def destroy(self, left: str) -> str:
        if left != NOBODY:
            self._kill(files.SIGKILL, nested=left == ALL)
        why = self.group.remove()
        if self.named is not None:
            why = self.named.remove() or why
        remove_made(self._undo)  # parents, when this very object made them
        return why

    def mounts(self, cgroup_namespace: bool) -> CgroupMounts:
        from pyoci.wire.cgroup import CgroupMount, CgroupMounts

        if self.named is not None:
            entry = CgroupMount(name="systemd", host_path=self.named.path, fstype="cgroup", options="none,name=systemd")
            return CgroupMounts(tmpfs=True, fresh=cgroup_namespace, entries=(entry,))
        entry = CgroupMount(name="", host_path=self._where, fstype="cgroup2", options="")
        return CgroupMounts(tmpfs=False, fresh=cgroup_namespace, entries=(entry,))

    @property
    def _where(self) -> str:
        return f"{self.group.path}/{self.leaf}" if self.leaf else self.group.path

    def _open_leaf(self) -> int:
        """The directory that processes enter, by a descriptor of the caller's. Raises Gone, CgroupError."""
        return self.group.open_below(self.leaf) if self.leaf else self.group.take()

    def _add_beside_others(self, fd: int, pid: int) -> bool:
        """A systemd in the container has moved everybody into nested groups and enabled controllers for them: whoever
        joins goes where its first process is.
        """
        from pyoci.cgroups import members, walk

        if not self._has_controllers_below(fd):
            return False
        for group in walk.groups(fd):
            if members.direct(group):
                try:
                    files.write_raw("cgroup.procs", str(pid), group)
                except OSError:
                    continue
                return True
        return False

    def _kill(self, signal: int, nested: bool) -> None:
        from pyoci.cgroups import members, walk

        try:
            fd = self.group.open()
        except Gone:
            return
        try:
            below = walk.has_nested(fd)
            if below and (not nested or self.group.has_others_below(fd)):
                entered = is_not_marked if nested and self.group.made else _nothing
                members.signal_until_quiet(fd, signal, entered)
            elif signal != files.SIGKILL or not _kill_all(fd):
                members.signal_standing_still(self, fd, signal)
        finally:
            posix.close(fd)

    def _apply(self, planned: Limits, restore: bool = False) -> Former:
        former = apply(self.group, planned.batches, restore)
        if planned.devices is not None and not self._rootless:
            from pyoci.cgroups import devices_v2

            try:
                devices_v2.restrict(self.group.path, planned.devices)
            except CgroupError:
                from pyoci.cgroups import writes

                writes.write_back(former)
                raise
        return former

    def _check_type(self, limited: bool) -> None:
        """A group below a threaded one, or below one with processes of its own, may be unfit for a
        container.
        """
        place = self.group.path
        kind = files.read(f"{place}/cgroup.type").strip()
        if kind == "domain":
            return
        if kind == "domain invalid":
            if not limited:
                # Threaded is all that such a group can be; a container without limits can live in it.
                files.write(f"{place}/cgroup.type", "threaded")
                return
            raise CgroupError(
                f"cgroup {place}: it is in the state 'domain invalid', because a parent is threaded; "
                "memory and other limits of whole processes cannot be set there; choose another cgroupsPath"
            )
        if limited:
            raise CgroupError(
                f"cgroup {place}: it is {kind!r}, where only {', '.join(sorted(_THREADED))} can be "
                "limited; choose another cgroupsPath"
            )

    def _has_controllers_below(self, fd: int) -> bool:
        try:
            return bool(files.read_raw("cgroup.subtree_control", fd).strip())
        except OSError:
            return False  # the group is gone: an error for whoever enters it


def apply(group: Group, batches: list[list[Write]], restore: bool) -> Former:
    """Write limits to a group; the former values are what `writes.write_back` takes. Raises CgroupError."""
    if not batches:
        return []
    from pyoci.cgroups import controllers, writes

    controllers.enable_needed(group, [item for batch in batches for item in batch])
    return writes.apply(batches, lambda _write: group.path, restore)


def _nothing(_group: int) -> bool:
    return False


def _kill_all(fd: int) -> bool:
    """SIGKILL for every process in one stroke, frozen ones too; False before Linux 5.14, which brought it."""
    try:
        files.write_raw("cgroup.kill", "1", fd)
    except OSError as error:
        if error.errno == errno.ENODEV:
            return True
        if error.errno in (errno.ENOENT, errno.EOPNOTSUPP):  # EOPNOTSUPP: a threaded group
            return False
        raise CgroupError(f"write '1' to cgroup.kill of the container: {reason(error)}") from None
    return True
