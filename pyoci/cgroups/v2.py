"""Version 2: one group in the unified hierarchy. See Documentation/admin-guide/cgroup-v2.rst of the
kernel.
"""

from __future__ import annotations

import errno
import posix
import select
import time

from pyoci.cgroups import files
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.cgroups import OomWatch
    from pyoci.cgroups.writes import Write
    from pyoci.wire.cgroup import CgroupMounts

MOUNT = "/sys/fs/cgroup"
RELATIVE_TO = "/pyoci/"
_SIGKILL = 9
_FREEZE_SECONDS = 5.0
_NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)
# What can be delegated where the kernel does not list it (config-linux.md, "Cgroup ownership").
_DELEGATED = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")
# Files that are there without any controller.
_CORE = frozenset(("cgroup", "irq"))
# Controllers that work in a threaded group (cgroup-v2.rst, "Threads").
_THREADED = frozenset(("cpu", "cpuset", "perf_event", "pids"))


def prepare(path: str | None, container_id: str, rootless: bool, resources: dict[str, Any] | None) -> Group:
    """See `pyoci.cgroups.prepare`."""
    if path is None:
        place = f"{MOUNT}{beside_own()}/{container_id}"
    elif path[0] == "/":
        place = MOUNT + path
    else:
        place = f"{MOUNT}{_delegated_to_user() if rootless else ''}{RELATIVE_TO}{path}"
    group = Group(place, MOUNT, rootless=rootless, tolerant=rootless and path is None, devices=not rootless)
    # Now, before anybody writes this down as the container's: `delete --force` kills what is in its group.
    group.check_unused()
    if resources:
        group.require(resources)
    return group


def beside_own() -> str:
    """The parent of this process's own group: in its own, processes and nested groups would exclude each
    other.
    """
    own = _own()
    return own[: own.rindex("/")] if own else ""


def _own() -> str:
    """This process's own group below the mount; empty for its top."""
    from pyoci.cgroups import hierarchies

    own = hierarchies.own_groups().get("", "/")
    for hierarchy in hierarchies.mounted():
        if hierarchy.mount == MOUNT:
            return hierarchies.below_mount(own, hierarchy.root)
    return own.rstrip("/")


def _delegated_to_user() -> str:
    """The highest group above our own that belongs to us: the same from every session; empty when none does."""
    own, found = _own(), ""
    while own:
        if posix.stat(MOUNT + own).st_uid == posix.geteuid():
            found = own
        elif found:
            break
        own = own[: own.rindex("/")]
    return found


class Group:
    """The group of a container.

    `mount` is the top that parents are made below. `devices`: whether access to devices is restricted by this
    group (not in a hybrid layout, where v1 does it).
    """

    __slots__ = ("_devices", "_made", "_mount", "_rootless", "_tolerant", "place")

    def __init__(self, place: str, mount: str, *, rootless: bool, tolerant: bool, devices: bool) -> None:
        self.place = place
        self._mount = mount
        self._rootless = rootless
        self._tolerant = tolerant
        self._devices = devices
        self._made: list[str] = []

    @classmethod
    def reopen(cls, saved: dict[str, Any]) -> Group:
        rootless = saved["rootless"]
        return cls(saved["group"], saved["mount"], rootless=rootless, tolerant=False, devices=not rootless)

    def save(self) -> dict[str, Any]:
        if not self.place:
            return {}
        return {"layout": "v2", "mount": self._mount, "group": self.place, "rootless": self._rootless}

    def create(self, resources: dict[str, Any] | None, existing: bool = False) -> None:
        """With `existing`, a group that is there and in use is taken as it is (systemd made it)."""
        try:
            try:
                fresh = files.make(self.place, self._mount, self._made)
            except OSError as error:
                if self._tolerant and error.errno in _NOT_PERMITTED and not _asks_for_limits(resources):
                    self.place = ""
                    return
                raise CgroupError(f"make cgroup {self.place}: {files.reason(error)}") from None
            if not fresh and not existing:
                self.check_unused()
            self._enable_controllers()
            self._check_type(resources or {})
            if self._devices:
                from pyoci.cgroups import devices_v2

                devices_v2.restrict(self.place, (resources or {}).get("devices"))
            if resources:
                self.apply(resources)
        except CgroupError:
            files.remove_made(self._made)
            raise

    def clone_fd(self) -> int:
        if not self.place or self._has_controllers_below():
            return -1
        try:
            return posix.open(self.place, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
        except OSError as error:
            raise CgroupError(f"open {self.place}: {files.reason(error)}") from None

    def add(self, pid: int) -> None:
        if not self.place:
            return
        try:
            files.write_raw(f"{self.place}/cgroup.procs", str(pid))
            return
        except OSError as error:
            failure = error
        if failure.errno == errno.EBUSY and self._has_controllers_below():
            # A systemd in the container has moved everybody into nested groups and enabled controllers for
            # them: whoever joins goes where its first process is.
            for group in files.nested(self.place):
                if files.read_optional(f"{group}/cgroup.procs"):
                    files.write(f"{group}/cgroup.procs", str(pid))
                    return
        hint = "; it has controllers enabled for nested groups" if failure.errno == errno.EBUSY else ""
        raise CgroupError(f"move process {pid} into {self.place}: {files.reason(failure)}{hint}") from None

    def update(self, resources: dict[str, Any]) -> None:
        self.require(resources)
        if "devices" in resources and self._devices:
            from pyoci.cgroups import devices_v2

            devices_v2.restrict(self.place, resources["devices"])
        self.apply(resources, restore=True)

    def apply(self, resources: dict[str, Any], restore: bool = False) -> None:
        """Write the values of `linux.resources` except devices. Raises CgroupError."""
        if not any(value for key, value in resources.items() if key != "devices"):
            return
        from pyoci.cgroups import resources_v2, writes

        plan = resources_v2.plan(resources, self._facts(resources))
        self._enable([item for batch in plan for item in batch if item.controller not in _CORE])
        writes.apply(plan, lambda _controller: self.place, restore)

    def freeze(self) -> None:
        self._set_frozen(True)

    def thaw(self) -> None:
        self._set_frozen(False)

    def is_frozen(self) -> bool:
        if not self.place:
            return False
        # cgroup.events, not cgroup.freeze: a parent may be frozen, and freezing takes its time.
        events = files.read_optional(f"{self.place}/cgroup.events")
        return events is not None and "frozen 1" in events

    def kill(self, signal: int) -> None:
        if signal == _SIGKILL and self.kill_all():
            return
        from pyoci.cgroups.v1 import signal_all

        if not self.place or not files.is_group(self.place):
            return
        was_frozen = self.is_frozen()
        if not was_frozen:
            self.freeze()
        try:
            signal_all(self.pids(), signal)
        finally:
            if not was_frozen:
                self.thaw()

    def kill_all(self) -> bool:
        """SIGKILL for every process in one stroke, frozen ones too; False before Linux 5.14, which brought
        it.
        """
        if not self.place:
            return True
        try:
            files.write_raw(f"{self.place}/cgroup.kill", "1")
        except OSError as error:
            if error.errno == errno.ENODEV:
                return True
            if error.errno in (errno.ENOENT, errno.EOPNOTSUPP):  # EOPNOTSUPP: a threaded group
                return not files.is_group(self.place)
            raise CgroupError(f"write '1' to {self.place}/cgroup.kill: {files.reason(error)}") from None
        return True

    def pids(self) -> list[int]:
        return files.pids(self.place) if self.place else []

    def stats(self) -> dict[str, Any]:
        from pyoci.cgroups import stats_v2

        return stats_v2.collect(self.place)

    def oom_kills(self) -> int:
        return files.count(f"{self.place}/memory.events", "oom_kill") if self.place else 0

    def oom_watch(self) -> OomWatch | None:
        from pyoci.cgroups import oom

        if not self.place or not posix.access(f"{self.place}/memory.events", posix.F_OK):
            return None
        return oom.WatchV2(self.place)

    def destroy(self) -> None:
        if self.place:
            files.remove(self.place)
        files.remove_made(self._made)  # parents, when this very object made them

    def mounts(self, cgroup_namespace: bool) -> CgroupMounts:
        from pyoci.wire.cgroup import CgroupMount, CgroupMounts

        entries = (CgroupMount(name="", host_path=self.place, fstype="cgroup2", options=""),) if self.place else ()
        return CgroupMounts(tmpfs=False, fresh=cgroup_namespace, entries=entries)

    def cpu_limit(self) -> tuple[int, int]:
        """Quota (-1: none) and period in force, in microseconds."""
        quota, period = files.read(f"{self.place}/cpu.max").split()
        return -1 if quota == "max" else int(quota), int(period)

    def delegate(self, uid: int, gid: int) -> None:
        if not self.place:
            return
        listed = files.read_optional("/sys/kernel/cgroup/delegate")
        names = _DELEGATED if listed is None else tuple(listed.split())
        for path in (self.place, *(f"{self.place}/{name}" for name in names)):
            try:
                posix.chown(path, uid, gid)
            except FileNotFoundError:
                continue  # not every file that can be delegated exists in every group
            except OSError as error:
                raise CgroupError(f"give {path} to user {uid}: {files.reason(error)}") from None

    def available(self) -> frozenset[str]:
        """The controllers that this part of the hierarchy has."""
        return frozenset((files.read_optional(f"{self._mount}/cgroup.controllers") or "").split())

    def require(self, resources: dict[str, Any]) -> None:
        """Raise CgroupError when a resource cannot be had from this kernel or this part of the hierarchy."""
        from pyoci.cgroups import resources_v2

        there: frozenset[str] | None = None
        for batch in resources_v2.plan(resources, self._facts(resources)):
            for item in batch:
                if item.controller in _CORE:
                    continue
                there = self.available() if there is None else there
                if item.controller not in there:
                    words = ", ".join(sorted(there)) or "none"
                    raise CgroupError(
                        f"{item.name}: the {item.controller} controller is not available in cgroup v2 here; "
                        f"there are: {words}"
                    )

    def _facts(self, resources: dict[str, Any]) -> dict[str, int | None]:
        """What conversions must know about the group as it is; None for no limit (or no group yet)."""
        wanted = []
        memory, cpu = resources.get("memory") or {}, resources.get("cpu") or {}
        if memory.get("swap") or memory.get("checkBeforeUpdate"):
            wanted += ["memory.max", "memory.current"]
        if cpu.get("period") and not cpu.get("quota"):
            wanted.append("cpu.max")
        facts: dict[str, int | None] = {}
        for name in wanted:
            word = (files.read_optional(f"{self.place}/{name}") or "max").split()[0]
            facts[name] = None if word == "max" else int(word)
        return facts

    def check_unused(self) -> None:
        """Raise CgroupError when the group is there and somebody uses it."""
        if not files.is_group(self.place):
            return
        found = files.pids(self.place)
        if found:
            raise CgroupError(f"cgroup {self.place} exists and holds processes {found[:5]}; choose another cgroupsPath")
        if self.is_frozen():
            raise CgroupError(f"cgroup {self.place} exists and is frozen; thaw it or choose another cgroupsPath")

    def _check_type(self, resources: dict[str, Any]) -> None:
        """A group below a threaded one, or below one with processes of its own, may be unfit for a
        container.
        """
        kind = files.read(f"{self.place}/cgroup.type").strip()
        if kind == "domain":
            return
        if kind == "domain invalid":
            if not _asks_for_limits(resources):
                # Threaded is all that such a group can be; a container without limits can live in it.
                files.write(f"{self.place}/cgroup.type", "threaded")
                return
            raise CgroupError(
                f"cgroup {self.place}: it is in the state 'domain invalid', because a parent is threaded; "
                "memory and other limits of whole processes cannot be set there; choose another cgroupsPath"
            )
        if _asks_for_limits(resources):
            raise CgroupError(
                f"cgroup {self.place}: it is {kind!r}, where only {', '.join(sorted(_THREADED))} can be "
                "limited; choose another cgroupsPath"
            )

    def _has_controllers_below(self) -> bool:
        return bool((files.read_optional(f"{self.place}/cgroup.subtree_control") or "").strip())

    def _enable_controllers(self) -> None:
        """Enable for the group whatever can be: statistics need it, and a later update finds no obstacle.

        What cannot be enabled is no error here, only when a limit needs it.
        """
        top = files.read(f"{self._mount}/cgroup.controllers").split()
        have = files.read(f"{self.place}/cgroup.controllers").split()
        if len(have) < len(top):
            _enable_down(self._mount, self.place, top)

    def _enable(self, items: list[Write]) -> None:
        """Raise CgroupError, with the reason, when a controller that is needed is not enabled for the
        group.
        """
        have = files.read(f"{self.place}/cgroup.controllers").split()
        missing = sorted({item.controller for item in items}.difference(have))
        if not missing:
            return
        refused = _enable_down(self._mount, self.place, missing)
        have = files.read(f"{self.place}/cgroup.controllers").split()
        for item in items:
            if item.controller not in have:
                why = refused.get(item.controller, "a parent does not have it")
                raise CgroupError(f"{item.name}: enable the {item.controller} controller for {self.place}: {why}")

    def _set_frozen(self, frozen: bool) -> None:
        if not self.place:
            raise CgroupError("freeze: the container has no cgroup of its own (rootless, without permission)")
        files.write(f"{self.place}/cgroup.freeze", str(int(frozen)))
        fd = posix.open(f"{self.place}/cgroup.events", posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            poller = select.poll()
            poller.register(fd, select.POLLPRI)
            deadline = time.monotonic() + _FREEZE_SECONDS
            while f"frozen {int(frozen)}" not in posix.pread(fd, 4096, 0).decode():
                left = deadline - time.monotonic()
                if left < 0:
                    break
                poller.poll(left * 1000)
            else:
                return
        finally:
            posix.close(fd)
        if not frozen:
            raise CgroupError(f"thaw {self.place}: still frozen after {_FREEZE_SECONDS:g} s: is a parent frozen?")
        files.write(f"{self.place}/cgroup.freeze", "0")
        raise CgroupError(f"freeze {self.place}: still freezing after {_FREEZE_SECONDS:g} s; thawed again")


def _asks_for_limits(resources: dict[str, Any] | None) -> bool:
    return any(value for key, value in (resources or {}).items() if key != "devices")


def _enable_down(mount: str, place: str, wanted: list[str]) -> dict[str, str]:
    """Enable controllers in every parent from `mount` down to the one above `place`; the reasons of
    refusals.
    """
    refused: dict[str, str] = {}
    parts = place[len(mount) :].strip("/").split("/")
    path = mount
    for part in parts:
        there = files.read(f"{path}/cgroup.controllers").split()
        on = files.read(f"{path}/cgroup.subtree_control").split()
        todo = [name for name in wanted if name in there and name not in on]
        if todo:
            try:
                files.write_raw(f"{path}/cgroup.subtree_control", " ".join(f"+{name}" for name in todo))
            except OSError:
                _enable_each(path, todo, refused)
        path = f"{path}/{part}"
    return refused


def _enable_each(path: str, names: list[str], refused: dict[str, str]) -> None:
    for name in names:
        try:
            files.write_raw(f"{path}/cgroup.subtree_control", f"+{name}")
        except OSError as error:
            words = f"write '+{name}' to {path}/cgroup.subtree_control: {files.reason(error)}"
            if error.errno == errno.EBUSY:
                words += "; the group has processes of its own, which excludes limits for groups in it"
            elif error.errno == errno.EOPNOTSUPP:
                words += "; the group is threaded"
            refused[name] = words
