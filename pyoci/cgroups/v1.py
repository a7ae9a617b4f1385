"""Version 1: a group in every hierarchy; hybrid: in the cgroup2 hierarchy beside them, too."""

from __future__ import annotations

import errno
import posix

from pyoci.cgroups import ALL, NOBODY, RELATIVE_TO, files
from pyoci.cgroups.group import (
    PATIENCE,
    Gone,
    Group,
    is_frozen_v1,
    is_frozen_v2,
    is_not_marked,
    remove_made,
)
from pyoci.errors import CgroupError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyoci.cgroups import OomWatch
    from pyoci.cgroups.limits import Limits
    from pyoci.cgroups.none import NoCgroup
    from pyoci.cgroups.writes import Former, Write
    from pyoci.wire.cgroup import CgroupMounts

_UNIFIED = ""  # the controllers of a cgroup2 hierarchy, as /proc/PID/cgroup has them


def prepare(
    path: str | None, container_id: str, rootless: bool, resources: dict[str, Any] | None, adopted: bool
) -> LegacyCgroup:
    """See `pyoci.cgroups.prepare`."""
    from pyoci.cgroups import hierarchies

    groups: dict[str, Group] = {}
    own_groups = hierarchies.own_groups() if path is None else {}
    for hierarchy in hierarchies.mounted():
        controllers = hierarchy.controllers
        if path is None:
            name = f"{hierarchies.below_mount(own_groups.get(controllers, '/'), hierarchy.root)}/{container_id}"
        else:
            name = path if path[0] == "/" else RELATIVE_TO + path
        groups[controllers] = Group(hierarchy.mount, name)
    cgroup = LegacyCgroup(groups, container_id, rootless, tolerant=rootless and path is None, adopted=adopted)
    for group in groups.values():
        # Now, before anybody writes this down as the container's.
        group.look_for_user()
    if not rootless and cgroup.group_of("devices") is None:
        raise CgroupError("the devices controller is not mounted: device access could not be restricted; mount it")
    cgroup.plan(resources)
    return cgroup


class LegacyCgroup:
    """See `pyoci.cgroups.Cgroup`.

    groups    by the controllers of their hierarchies (`cpu,cpuacct`; cgroup2: empty name)
    tolerant  whether the container can do without groups where the caller may not make them
    adopted   systemd or criu makes the groups; they are taken as they are, with processes in them
    leaves    below the groups, where processes enter, by the same names
    earlier_oom_kills  those of a group of memory that was there before the container
    """

    __slots__ = (
        *("_adopted", "_id", "_limits", "_rootless", "_tolerant", "_undo"),
        *("earlier_oom_kills", "groups", "leaves"),
    )

    def __init__(
        self,
        groups: dict[str, Group],
        container_id: str,
        rootless: bool,
        *,
        tolerant: bool = False,
        adopted: bool = False,
        leaves: dict[str, str] | None = None,
        earlier_oom_kills: int = 0,
    ) -> None:
        self.groups = groups
        self.earlier_oom_kills = earlier_oom_kills
        self.leaves = leaves or {}
        self._id = container_id
        self._rootless = rootless
        self._limits: Limits | None = None
        self._tolerant = tolerant
        self._adopted = adopted
        self._undo: list[str] = []

    @classmethod
    def reopen(cls, saved: dict[str, Any]) -> LegacyCgroup:
        groups = {name: Group.from_saved(group) for name, group in saved["groups"].items()}
        earlier = saved.get("earlier_oom_kills", 0)
        return cls(groups, "", saved["rootless"], leaves=saved.get("leaves"), earlier_oom_kills=earlier)

    def save(self) -> dict[str, Any]:
        groups = {name: group.save() for name, group in self.groups.items()}
        saved = {"layout": "v1", "groups": groups, "rootless": self._rootless}
        if self.leaves:
            saved["leaves"] = self.leaves
        if self.earlier_oom_kills:
            saved["earlier_oom_kills"] = self.earlier_oom_kills
        return saved

    def group_of(self, controller: str) -> Group | None:
        """The group that `controller` rules, None when it is not mounted."""
        group = self.groups.get(controller)
        if group is not None:
            return group
        for names, group in self.groups.items():
            if controller in names.split(","):
                return group
        return None

    def plan(self, resources: dict[str, Any] | None) -> Limits:
        """Plan the limits of a new container. Raises CgroupError for what cannot be had."""
        from pyoci.cgroups import limits

        hugetlb_is_unified = self._hugetlb_is_unified(resources)
        self._limits = limits.of_new_group(resources, unified=False, hugetlb_is_unified=hugetlb_is_unified)
        self._require(self._limits)
        return self._limits

    def create(self, owner: tuple[int, int] | None) -> LegacyCgroup | NoCgroup:
        del owner  # delegation is not secure in v1 (config-linux.md, "Cgroup ownership")
        planned = self._limits or self.plan(None)
        try:
            for name in list(self.groups):
                self._make(name)
            if not self.groups and not planned.batches:
                from pyoci.cgroups.none import NoCgroup

                return NoCgroup()
            if self.groups:
                self._listing().mark(self._id)
            memory = self.group_of("memory")
            if memory is not None and not memory.made and not self._adopted:
                self.earlier_oom_kills = self.oom_kills()
            self._apply(planned, fresh=not self._adopted)
            # now that the limits are there: some are copied
            self._make_leaves()
        except CgroupError:
            remove_made(self._undo)
            raise
        return self

    def _make_leaves(self) -> None:
        for name, leaf in self.leaves.items():
            from pyoci.cgroups import subgroups

            group = self.groups.get(name)
            if group is not None:
                subgroups.make(group, leaf)
                if "cpuset" in name.split(","):
                    _fill_cpuset(f"{group.path}/{leaf}", group.mount)

    def enable_leaf(self) -> None:
        """In v1 every group has its hierarchy's controllers."""

    def clone_fd(self) -> int:
        return -1

    def add(self, pid: int) -> None:
        text = str(pid)
        for name, group in self.groups.items():
            fd = group.open_below(self.leaves[name]) if self.leaves.get(name) else group.take()
            try:
                files.write_raw("cgroup.procs", text, fd)
            except OSError as error:
                why = _why_not_in(error, name)
                raise CgroupError(f"move process {pid} into {self._entered(name)}: {reason(error)}{why}") from None
            finally:
                posix.close(fd)

    def update(self, resources: dict[str, Any]) -> None:
        self.apply_update(self.plan_update(resources))

    def plan_update(self, resources: dict[str, Any]) -> Limits:
        """The limits as they are written then. Raises CgroupError for what cannot be had."""
        from pyoci.cgroups import limits

        for group in self.groups.values():
            group.check()
        planned = limits.of_update(resources, {}, unified=False, hugetlb_is_unified=self._hugetlb_is_unified(resources))
        self._require(planned)
        return planned

    def apply_update(self, planned: Limits) -> Former:
        """Write what `plan_update` returned; on failure the former values come back. Raises CgroupError."""
        return self._apply(planned, restore=True)

    def cpu_in_force(self) -> dict[str, str]:
        """Quota and period by the names of their files: systemd takes both at once."""
        path = self._path_of("cpu")
        return {name: files.read(f"{path}/{name}").strip() for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")}

    def freeze(self, frozen: bool) -> None:
        from pyoci.cgroups import freezer

        group = self.group_of("freezer")
        if group is not None:
            freezer.set_v1(group, frozen)
        elif _UNIFIED in self.groups:
            freezer.set_v2(self.groups[_UNIFIED], frozen)
        else:
            what = "freeze" if frozen else "thaw"
            raise CgroupError(f"{what}: neither a freezer controller nor a cgroup2 hierarchy holds the container")

    def is_frozen(self) -> bool:
        group = self.group_of("freezer")
        if group is not None:
            return is_frozen_v1(group)
        return _UNIFIED in self.groups and is_frozen_v2(self.groups[_UNIFIED])

    def kill(self, signal: int) -> None:
        self._kill(signal, nested=True)

    def thaw_killed(self) -> None:
        held = self.is_frozen()
        if held:
            self.freeze(False)
            held = self.is_frozen()  # by a parent
        group = self.group_of("freezer")
        if group is not None and (held or group.has_frozen_below()):
            # all of them, so that none is left that would freeze others again
            self._kill(files.SIGKILL, nested=True)

    def pids(self) -> list[int]:
        return self._listing().pids()

    def is_in_use(self) -> bool:
        """Whether the paths stand for groups with processes in them, this container's or not. Raises CgroupError."""
        return any(group.is_in_use() for group in self.groups.values())

    def stats(self) -> dict[str, Any]:
        from pyoci.cgroups import stats_v1

        for group in self.groups.values():
            group.check()
        return stats_v1.collect(self._path_or_none)

    def oom_watch(self) -> OomWatch | None:
        from pyoci.cgroups import oom

        group = self.group_of("memory")
        return oom.WatchV1(group.path) if group is not None and group.is_there() else None

    def oom_kills(self) -> int:
        memory = self.group_of("memory")
        if memory is None or not memory.is_there():
            return 0
        return files.count(f"{memory.path}/memory.oom_control", "oom_kill") - self.earlier_oom_kills

    def why_stuck(self) -> str:
        from pyoci.cgroups import why_stuck

        memory = self.group_of("memory")
        if memory is not None and memory.is_there():
            control = f"{memory.path}/memory.oom_control"
            if files.count(control, "under_oom") and files.count(control, "oom_kill_disable"):
                return why_stuck.UNDER_OOM
        return why_stuck.frozen(self._listing().path) if self.is_frozen() else ""

    def destroy(self, left: str) -> str:
        if left != NOBODY:
            self._kill(files.SIGKILL, nested=left == ALL)
        why, patience = "", PATIENCE
        failure: CgroupError | None = None
        for group in self.groups.values():
            try:
                stays = group.remove(patience)
            except CgroupError as error:
                failure, patience = failure or error, 0.0
                continue
            if stays:
                # whoever holds it is most likely in all of them
                why, patience = why or stays, 0.0
        remove_made(self._undo)  # parents, when this very object made them
        if failure is not None:
            raise failure
        return why

    def mounts(self, cgroup_namespace: bool) -> CgroupMounts:
        from pyoci.wire.cgroup import CgroupMount, CgroupMounts

        entries, links = [], []
        for controllers, group in self.groups.items():
            name = group.mount.rpartition("/")[2]
            options = f"none,{controllers}" if controllers.startswith("name=") else controllers
            fstype = "cgroup" if controllers else "cgroup2"
            place = self._entered(controllers)
            entries.append(CgroupMount(name=name, host_path=place, fstype=fstype, options=options))
            links += [(part, name) for part in controllers.split(",") if "," in controllers and part != name]
        return CgroupMounts(tmpfs=True, fresh=cgroup_namespace, entries=tuple(entries), links=tuple(links))

    def _entered(self, name: str) -> str:
        """The folder that processes enter in the hierarchy `name`: the group, or the leaf below it."""
        leaf = self.leaves.get(name)
        return f"{self.groups[name].path}/{leaf}" if leaf else self.groups[name].path

    def _make(self, name: str) -> None:
        group = self.groups[name]
        try:
            group.make(self._undo, in_use=self._adopted)
            if "cpuset" in name.split(","):
                _fill_cpuset(group.path, group.mount)
        except OSError as error:
            if self._tolerant and error.errno in files.NOT_PERMITTED:
                del self.groups[name]
                return
            raise CgroupError(f"make cgroup {group.path}: {reason(error)}") from None
        group.made |= self._adopted

    def _require(self, planned: Limits) -> None:
        """Raise CgroupError when a limit needs a controller that is not there."""
        for batch in planned.batches:
            for item in batch:
                if item.unified:
                    self._require_unified(item)
                elif self.group_of(item.controller) is None:
                    mounted = ", ".join(names for names in self.groups if names) or "none"
                    raise CgroupError(
                        f"{item.name}: the {item.controller} controller is not mounted in this cgroup v1 layout; "
                        f"there are: {mounted}"
                    )

    def _require_unified(self, item: Write) -> None:
        if _UNIFIED not in self.groups:
            raise CgroupError(
                f"{item.name}: this is a file of cgroup v2, and no cgroup2 hierarchy is mounted here; use the other "
                "properties of resources"
            )
        from pyoci.cgroups import controllers

        controllers.require([item], self.groups[_UNIFIED].mount)

    def _hugetlb_is_unified(self, resources: dict[str, Any] | None) -> bool:
        if not (resources or {}).get("hugepageLimits"):
            return False
        if _UNIFIED not in self.groups or self.group_of("hugetlb") is not None:
            return False
        from pyoci.cgroups import controllers

        return "hugetlb" in controllers.available(self.groups[_UNIFIED].mount)

    def _apply(self, planned: Limits, restore: bool = False, fresh: bool = False) -> Former:
        """Rules of devices come last: what refuses them has been tried by then, and they cannot be put back."""
        former = self._write(planned.batches, restore) if planned.batches else []
        if planned.devices is not None and not self._rootless:
            from pyoci.cgroups import devices

            try:
                devices.restrict_v1(self._path_of("devices"), planned.devices, fresh)
            except CgroupError:
                from pyoci.cgroups import writes

                writes.write_back(former)
                raise
        return former

    def _write(self, batches: list[list[Write]], restore: bool) -> Former:
        from pyoci.cgroups import writes

        unified = [item for batch in batches for item in batch if item.unified]
        if unified:
            from pyoci.cgroups import controllers

            controllers.enable_needed(self.groups[_UNIFIED], unified)
        return writes.apply(batches, self._group_of_write, restore)

    def _group_of_write(self, item: Write) -> str | None:
        return self.groups[_UNIFIED].path if item.unified else self._path_or_none(item.controller)

    def _path_or_none(self, controller: str) -> str | None:
        group = self.group_of(controller)
        return group.path if group is not None else None

    def _path_of(self, controller: str) -> str:
        path = self._path_or_none(controller)
        if path is None:
            raise CgroupError(f"the {controller} controller is not mounted")
        return path

    def _listing(self) -> Group:
        """The group that is asked for processes: the freezer's, so that what is signalled is what stands still."""
        return self.group_of("freezer") or self.group_of("devices") or next(iter(self.groups.values()))

    def _kill(self, signal: int, nested: bool) -> None:
        from pyoci.cgroups import members, walk

        group = self._listing()
        try:
            fd = group.open()
        except Gone:
            return
        try:
            entered = None
            if walk.has_nested(fd) and (not nested or group.has_others_below(fd)):
                entered = is_not_marked if nested and group.made else _nothing
                members.signal_until_quiet(fd, signal, entered)
            else:
                members.signal_standing_still(self, fd, signal)
            if signal == files.SIGKILL:
                if self.is_frozen():
                    self._let_die(fd, entered)
                if walk.has_nested(fd):
                    from pyoci.cgroups import frozen_below

                    frozen_below.thaw(fd, entered)
        finally:
            posix.close(fd)

    def _let_die(self, fd: int, entered: Callable[[int], bool] | None) -> None:
        """Have frozen processes take the signal: a task that the v1 freezer holds does not die, not even of SIGKILL."""
        from pyoci.cgroups import members, walk

        self.freeze(False)
        group = self.group_of("freezer")
        if group is None or not self.is_frozen():
            return
        # A parent is frozen, which is not ours to thaw. In the top group nothing is.
        for nested in walk.groups(fd, entered):
            for pid in members.direct(nested):
                try:
                    files.write_raw(f"{group.mount}/cgroup.procs", str(pid))
                except OSError as error:
                    if error.errno != errno.ESRCH:
                        raise CgroupError(f"move process {pid} out of a frozen cgroup: {reason(error)}") from None


def _nothing(_group: int) -> bool:
    return False


def _fill_cpuset(path: str, mount: str) -> None:
    """Give the group its parent's CPUs and memory nodes: in v1 they start empty and no process could enter.

    Parents that are empty, too (whoever made them), are filled first. Raises OSError.
    """
    empty: list[tuple[str, dict[str, str]]] = []
    while True:
        values = {name: files.read_raw(f"{path}/{name}").strip() for name in ("cpuset.cpus", "cpuset.mems")}
        if path == mount or all(values.values()):
            break
        empty.append((path, values))
        path = path[: path.rindex("/")]
    for place, former in reversed(empty):
        for name, value in former.items():
            if not value:
                files.write_raw(f"{place}/{name}", values[name])
        values = {name: value or values[name] for name, value in former.items()}


def _why_not_in(error: OSError, controllers: str) -> str:
    if error.errno == errno.ENOSPC:
        return "; its cpuset.cpus or cpuset.mems are empty"
    if error.errno == errno.EINVAL and "cpu" in controllers.split(","):
        return "; a realtime process needs cpu.rt_runtime_us in its group"
    return ""
