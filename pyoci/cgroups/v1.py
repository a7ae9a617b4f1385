"""Version 1: a group in every hierarchy; hybrid: in the cgroup2 hierarchy beside them, too."""

from __future__ import annotations

import errno
import posix
import time

from pyoci.cgroups import files
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.cgroups import OomWatch
    from pyoci.cgroups.v2 import Group
    from pyoci.wire.cgroup import CgroupMounts

# Where relative paths start: the same place whoever calls (config-linux.md, "Cgroups Path": consistently).
RELATIVE_TO = "/pyoci/"
_SIGKILL = 9
_FREEZE_SECONDS = 5.0
_NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)
_ROUNDS = 100


def prepare(path: str | None, container_id: str, rootless: bool, resources: dict[str, Any] | None) -> Groups:
    """See `pyoci.cgroups.prepare`."""
    from pyoci.cgroups import hierarchies

    places: dict[str, str] = {}
    mounts: dict[str, str] = {}
    own = hierarchies.own_groups() if path is None else {}
    for hierarchy in hierarchies.mounted():
        name = hierarchy.controllers
        if path is None:
            group = f"{hierarchies.below_mount(own.get(name, '/'), hierarchy.root)}/{container_id}"
        else:
            group = path if path[0] == "/" else RELATIVE_TO + path
        mounts[name] = hierarchy.mount
        places[name] = hierarchy.mount + group
    groups = Groups(places, mounts, rootless, tolerant=rootless and path is None)
    for place in places.values():
        # Now, before anybody writes this down as the container's: `delete --force` kills what is in its
        # groups.
        check_unused(place)
    if not rootless and groups.path("devices") is None:
        raise CgroupError("the devices controller is not mounted: device access could not be restricted; mount it")
    if resources:
        groups.require(resources)
    return groups


class Groups:
    """The groups of a container, by the controllers of their hierarchies (`cpu,cpuacct`; cgroup2: empty
    name).
    """

    __slots__ = ("_made", "_mounts", "_places", "_rootless", "_tolerant")

    def __init__(self, places: dict[str, str], mounts: dict[str, str], rootless: bool, tolerant: bool) -> None:
        self._places = places
        self._mounts = mounts
        self._rootless = rootless
        self._tolerant = tolerant
        self._made: list[str] = []

    @classmethod
    def reopen(cls, saved: dict[str, Any]) -> Groups:
        places = {name: mount + group for name, (mount, group) in saved["groups"].items()}
        mounts = {name: mount for name, (mount, _) in saved["groups"].items()}
        return cls(places, mounts, saved["rootless"], tolerant=False)

    def save(self) -> dict[str, Any]:
        if not self._places:
            return {}
        groups = {}
        for name, path in self._places.items():
            mount = self._mounts[name]
            groups[name] = [mount, path[len(mount) :]]
        return {"layout": "v1", "groups": groups, "rootless": self._rootless}

    def path(self, controller: str) -> str | None:
        """The group that `controller` rules, None when it is not mounted."""
        found = self._places.get(controller)
        if found is not None:
            return found
        for names, path in self._places.items():
            if controller in names.split(","):
                return path
        return None

    def unified(self) -> Group | None:
        """The group in the cgroup2 hierarchy of a hybrid layout."""
        path = self._places.get("")
        if path is None:
            return None
        from pyoci.cgroups.v2 import Group

        return Group(path, self._mounts[""], rootless=self._rootless, tolerant=self._tolerant, devices=False)

    def create(self, resources: dict[str, Any] | None, existing: bool = False) -> None:
        """With `existing`, groups that are there and in use are taken as they are (systemd made them)."""
        try:
            for name in list(self._places):
                self._make(name, existing)
            if not self._rootless:
                from pyoci.cgroups import devices

                devices.restrict_v1(self._place_of("devices"), (resources or {}).get("devices"), fresh=not existing)
            if resources:
                self._apply(resources)
        except CgroupError:
            files.remove_made(self._made)
            raise

    def clone_fd(self) -> int:
        return -1

    def add(self, pid: int) -> None:
        text = str(pid)
        for path in self._places.values():
            try:
                files.write_raw(f"{path}/cgroup.procs", text)
            except OSError as error:
                raise CgroupError(
                    f"move process {pid} into {path}: {files.reason(error)}{_why_not_in(error, path)}"
                ) from None

    def update(self, resources: dict[str, Any]) -> None:
        self.require(resources)
        if "devices" in resources and not self._rootless:
            from pyoci.cgroups import devices

            devices.restrict_v1(self._place_of("devices"), resources["devices"], fresh=False)
        self._apply(resources, restore=True)

    def freeze(self) -> None:
        path = self.path("freezer")
        if path is None:
            self._need_unified("freeze").freeze()
            return
        deadline = time.monotonic() + _FREEZE_SECONDS
        pause = 0.0005
        while True:
            # Written again and again: a process that was forked meanwhile can leave the group in FREEZING
            # (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst).
            files.write(f"{path}/freezer.state", "FROZEN")
            if files.read(f"{path}/freezer.state") == "FROZEN\n":
                return
            if time.monotonic() > deadline:
                self.thaw()
                raise CgroupError(f"freeze {path}: still freezing after {_FREEZE_SECONDS:g} s; thawed again")
            time.sleep(pause)
            pause = min(pause * 2, 0.05)

    def thaw(self) -> None:
        path = self.path("freezer")
        if path is None:
            self._need_unified("thaw").thaw()
            return
        files.write(f"{path}/freezer.state", "THAWED")

    def is_frozen(self) -> bool:
        path = self.path("freezer")
        if path is None:
            group = self.unified()
            return group is not None and group.is_frozen()
        state = files.read_optional(f"{path}/freezer.state")
        return state is not None and state != "THAWED\n"

    def kill(self, signal: int) -> None:
        was_frozen = self.is_frozen()
        if signal == _SIGKILL:
            group = self.unified()
            if group is not None and group.kill_all():
                if was_frozen:
                    self.thaw()  # a task frozen by the v1 freezer takes no signal, not even this one
                return
        if self.path("freezer") is None and self.unified() is None:
            self._signal_until_quiet(signal)
            return
        if not files.is_group(self._listing()):
            return
        if not was_frozen:
            self.freeze()
        try:
            signal_all(self.pids(), signal)
        finally:
            if not was_frozen or signal == _SIGKILL:
                self.thaw()

    def pids(self) -> list[int]:
        if not self._places:
            return []
        return files.pids(self._listing())

    def stats(self) -> dict[str, Any]:
        from pyoci.cgroups import stats_v1

        return stats_v1.collect(self.path)

    def oom_kills(self) -> int:
        path = self.path("memory")
        return files.count(f"{path}/memory.oom_control", "oom_kill") if path else 0

    def oom_watch(self) -> OomWatch | None:
        from pyoci.cgroups import oom

        path = self.path("memory")
        return oom.WatchV1(path) if path else None

    def destroy(self) -> None:
        for path in self._places.values():
            files.remove(path)
        files.remove_made(self._made)  # parents, when this very object made them

    def mounts(self, cgroup_namespace: bool) -> CgroupMounts:
        from pyoci.wire.cgroup import CgroupMount, CgroupMounts

        entries, links = [], []
        for controllers, path in self._places.items():
            name = self._mounts[controllers].rpartition("/")[2]
            options = f"none,{controllers}" if controllers.startswith("name=") else controllers
            fstype = "cgroup" if controllers else "cgroup2"
            entries.append(CgroupMount(name=name, host_path=path, fstype=fstype, options=options))
            links += [(part, name) for part in controllers.split(",") if "," in controllers and part != name]
        return CgroupMounts(tmpfs=True, fresh=cgroup_namespace, entries=tuple(entries), links=tuple(links))

    def cpu_limit(self) -> tuple[int, int]:
        """Quota (-1: none) and period in force, in microseconds."""
        path = self._place_of("cpu")
        return int(files.read(f"{path}/cpu.cfs_quota_us")), int(files.read(f"{path}/cpu.cfs_period_us"))

    def delegate(self, uid: int, gid: int) -> None:
        """Nothing: delegation is not secure in v1 (config-linux.md, "Cgroup ownership")."""

    def require(self, resources: dict[str, Any]) -> None:
        """Raise CgroupError when a resource needs a controller that is not there."""
        if not _limits(resources):
            return
        from pyoci.cgroups import resources_v1

        unified = self.unified()
        of_unified = unified.available() if unified else frozenset()
        for controller, name in resources_v1.needed(resources).items():
            if self.path(controller) is None and not (controller == "hugetlb" and controller in of_unified):
                mounted = ", ".join(names for names in self._places if names) or "none"
                raise CgroupError(
                    f"{name}: the {controller} controller is not mounted in this cgroup v1 layout; there are: {mounted}"
                )
        if resources.get("unified"):
            if unified is None:
                raise CgroupError(
                    "unified: its keys are files of cgroup v2, and no cgroup2 hierarchy is mounted here; use the "
                    "other properties of resources"
                )
            unified.require({"unified": resources["unified"]})

    def _make(self, name: str, existing: bool) -> None:
        path, mount = self._places[name], self._mounts[name]
        try:
            fresh = files.make(path, mount, self._made)
            if "cpuset" in name.split(","):
                _fill_cpuset(path, mount)
        except OSError as error:
            if self._tolerant and error.errno in _NOT_PERMITTED:
                del self._places[name]
                return
            raise CgroupError(f"make cgroup {path}: {files.reason(error)}") from None
        if not fresh and not existing:
            check_unused(path)

    def _apply(self, resources: dict[str, Any], restore: bool = False) -> None:
        if not _limits(resources):
            return
        from pyoci.cgroups import resources_v1, writes

        batches = resources_v1.plan(resources)
        rest = {key: resources[key] for key in ("unified",) if resources.get(key)}
        if self.path("hugetlb") is None and resources.get("hugepageLimits"):
            rest["hugepageLimits"] = resources["hugepageLimits"]
            batches = [batch for batch in batches if batch[0].controller != "hugetlb"]
        writes.apply(batches, self.path, restore)
        if rest:
            self._need_unified("apply limits").apply(rest, restore)

    def _place_of(self, controller: str) -> str:
        path = self.path(controller)
        if path is None:
            raise CgroupError(f"the {controller} controller is not mounted")
        return path

    def _listing(self) -> str:
        """The group that is asked for processes: the freezer's, so that what is signalled is what stands
        still.
        """
        return self.path("freezer") or self.path("devices") or next(iter(self._places.values()))

    def _need_unified(self, what: str) -> Group:
        group = self.unified()
        if group is None:
            raise CgroupError(f"{what}: neither a freezer controller nor a cgroup2 hierarchy holds the container")
        return group

    def _signal_until_quiet(self, signal: int) -> None:
        """Without a freezer: signal until no process shows up that was not signalled yet."""
        done: set[int] = set()
        for _ in range(_ROUNDS):
            fresh = [pid for pid in self.pids() if pid not in done]
            if not fresh:
                return
            signal_all(fresh, signal)
            done.update(fresh)
        raise CgroupError(f"signal {signal}: processes in {self._listing()} fork faster than they are signalled")


def signal_all(processes: list[int], signal: int) -> None:
    """Send a signal to each; those that are gone meanwhile do not count. Raises CgroupError."""
    for pid in processes:
        try:
            posix.kill(pid, signal)
        except ProcessLookupError:
            continue
        except OSError as error:
            raise CgroupError(f"send signal {signal} to process {pid}: {files.reason(error)}") from None


def _limits(resources: dict[str, Any]) -> bool:
    """Whether there is more than device rules, which have files of their own: usually there is not."""
    return any(value for key, value in resources.items() if key != "devices")


def check_unused(path: str) -> None:
    """Raise CgroupError when the group is there and somebody uses it."""
    if not files.is_group(path):
        return
    found = files.pids(path)
    if found:
        raise CgroupError(f"cgroup {path} exists and holds processes {found[:5]}; choose another cgroupsPath")
    if (files.read_optional(f"{path}/freezer.state") or "THAWED\n") != "THAWED\n":
        raise CgroupError(f"cgroup {path} exists and is frozen; thaw it or choose another cgroupsPath")


def _fill_cpuset(path: str, mount: str) -> None:
    """Give the group its parent's CPUs and memory nodes: in v1 they start empty and no process could enter.

    Parents that are empty, too (whoever made them), are filled first. Raises OSError.
    """
    missing = [name for name in ("cpuset.cpus", "cpuset.mems") if not files.read_raw(f"{path}/{name}").strip()]
    if not missing or path == mount:
        return
    parent = path[: path.rindex("/")]
    for name in missing:
        text = files.read_raw(f"{parent}/{name}").strip()
        if not text:
            _fill_cpuset(parent, mount)
            text = files.read_raw(f"{parent}/{name}").strip()
        files.write_raw(f"{path}/{name}", text)


def _why_not_in(error: OSError, path: str) -> str:
    if error.errno == errno.ENOSPC:
        return "; its cpuset.cpus or cpuset.mems are empty"
    if error.errno == errno.EINVAL and "cpu" in path:
        return "; a realtime process needs cpu.rt_runtime_us in its group"
    return ""
