"""Groups that systemd makes: a transient scope for each container. Wraps the groups of either layout.

systemd makes a scope only around a process: `create` checks and remembers, the first `add` does the work.
"""

from __future__ import annotations

import time

from pyoci.cgroups import ROOT, hierarchies, is_unified, systemd_annotations, systemd_units
from pyoci.cgroups.dbus import Manager, Refused
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.cgroups import OomWatch
    from pyoci.cgroups.v1 import Groups
    from pyoci.cgroups.v2 import Group
    from pyoci.wire.cgroup import CgroupMounts

_SECONDS = 30.0
_PAUSE = 0.005
_INIT_SCOPE = "/init.scope"  # systemd.special(7): where PID 1 is


def prepare(
    cgroups_path: str | None,
    container_id: str,
    unified: bool,
    rootless: bool,
    resources: dict[str, Any] | None,
    annotations: dict[str, str] | None,
) -> Scope:
    """See `pyoci.cgroups.prepare`."""
    user = rootless
    parent, unit = systemd_units.parse(cgroups_path, container_id, user)
    systemd_units.properties(resources or {}, unified)
    asked = systemd_annotations.properties(annotations or {})
    path = f"{systemd_units.expand_slice(parent)}/{unit}"
    inner: Group | Groups
    if unified:
        from pyoci.cgroups.v2 import Group

        place = ROOT + _manager_group(user) + path
        inner = Group(place, ROOT, rootless=rootless, tolerant=False, devices=not rootless)
        inner.check_unused()
    else:
        from pyoci.cgroups.v1 import Groups, check_unused

        places, mounts = _v1_places(path)
        inner = Groups(places, mounts, rootless, tolerant=False)
        for place in places.values():
            check_unused(place)
    if resources:
        inner.require(resources)
    return Scope(inner, unit, parent, user, asked)


def _manager_group(user: bool) -> str:
    """The group of the manager itself, below which its slices are."""
    if user:
        with Manager(True) as manager:
            found: str = manager.property("/org/freedesktop/systemd1", "Manager", "ControlGroup")
    else:
        with open("/proc/1/cgroup", encoding="utf-8") as file:
            found = hierarchies.parse_proc_cgroup(file.read()).get("", "/").removesuffix(_INIT_SCOPE)
    for hierarchy in hierarchies.mounted():
        if hierarchy.mount == ROOT:
            return hierarchies.below_mount(found or "/", hierarchy.root)
    return found.rstrip("/")


def _v1_places(path: str) -> tuple[dict[str, str], dict[str, str]]:
    with open("/proc/1/cgroup", encoding="utf-8") as file:
        first = hierarchies.parse_proc_cgroup(file.read())
    places, mounts = {}, {}
    for hierarchy in hierarchies.mounted():
        name = hierarchy.controllers
        base = first.get(name, "/").removesuffix(_INIT_SCOPE)
        mounts[name] = hierarchy.mount
        places[name] = hierarchy.mount + hierarchies.below_mount(base or "/", hierarchy.root) + path
    return places, mounts


class Scope:
    """A container's unit and the groups that it is made of."""

    __slots__ = ("_asked", "_inner", "_owner", "_parent", "_pending", "_unit", "_user")

    def __init__(
        self,
        inner: Group | Groups,
        unit: str,
        parent: str,
        user: bool,
        asked: list[systemd_units.Property] | None = None,
    ) -> None:
        self._inner = inner
        self._asked = asked or []  # by annotations
        self._unit = unit
        self._parent = parent
        self._user = user
        self._pending: dict[str, Any] | None = None
        self._owner: tuple[int, int] | None = None

    @classmethod
    def reopen(cls, saved: dict[str, Any]) -> Scope:
        from pyoci.cgroups.v1 import Groups
        from pyoci.cgroups.v2 import Group

        unit = saved["systemd"]
        inner = saved["groups"]
        groups = Group.reopen(inner) if inner["layout"] == "v2" else Groups.reopen(inner)
        return cls(groups, unit["unit"], unit["slice"], unit["user"])

    def save(self) -> dict[str, Any]:
        unit = {"unit": self._unit, "slice": self._parent, "user": self._user}
        return {"systemd": unit, "groups": self._inner.save()}

    def create(self, resources: dict[str, Any] | None) -> None:
        self._pending = resources or {}

    def clone_fd(self) -> int:
        return -1 if self._pending is not None else self._inner.clone_fd()

    def add(self, pid: int) -> None:
        if self._pending is not None:
            resources, self._pending = self._pending, None
            self._start(pid, resources)
            # What systemd has no property for; and on v1 the hierarchies that it does not manage.
            self._inner.create(resources, existing=True)
            if self._owner is not None:
                self._inner.delegate(*self._owner)
        self._inner.add(pid)

    def update(self, resources: dict[str, Any]) -> None:
        self._inner.require(resources)
        resources = self._with_whole_quota(resources)
        found = systemd_units.properties(resources, is_unified())
        if found:
            with Manager(self._user) as manager:
                try:
                    manager.call("SetUnitProperties", "sba(sv)", self._unit, True, found)
                except Refused as error:
                    raise CgroupError(f"change limits of {self._unit}: systemd: {error}") from None
        self._inner.update(resources)

    def freeze(self) -> None:
        self._inner.freeze()

    def thaw(self) -> None:
        self._inner.thaw()

    def is_frozen(self) -> bool:
        return self._inner.is_frozen()

    def kill(self, signal: int) -> None:
        self._inner.kill(signal)

    def pids(self) -> list[int]:
        return self._inner.pids()

    def stats(self) -> dict[str, Any]:
        return self._inner.stats()

    def oom_kills(self) -> int:
        return self._inner.oom_kills()

    def oom_watch(self) -> OomWatch | None:
        return self._inner.oom_watch()

    def mounts(self, cgroup_namespace: bool) -> CgroupMounts:
        return self._inner.mounts(cgroup_namespace)

    def delegate(self, uid: int, gid: int) -> None:
        if self._pending is None:
            self._inner.delegate(uid, gid)
        else:
            self._owner = (uid, gid)

    def destroy(self) -> None:
        with Manager(self._user) as manager:
            try:
                manager.call("StopUnit", "ss", self._unit, "replace")
                self._wait_for(manager, ("inactive", "failed", ""))
            except Refused as error:
                if error.name != "NoSuchUnit":  # it ended with its last process
                    raise CgroupError(f"stop {self._unit}: systemd: {error}") from None
            self._inner.destroy()
            _reset_failed(manager, self._unit)

    def _with_whole_quota(self, resources: dict[str, Any]) -> dict[str, Any]:
        """systemd sets quota and period together: what the update leaves out is what is in force."""
        cpu = resources.get("cpu") or {}
        if bool(cpu.get("quota")) == bool(cpu.get("period")):
            return resources
        quota, period = self._inner.cpu_limit()
        both = {"quota": cpu.get("quota") or quota, "period": cpu.get("period") or period}
        return {**resources, "cpu": {**cpu, **both}}

    def _start(self, pid: int, resources: dict[str, Any]) -> None:
        found = self._properties(pid) + systemd_units.properties(resources, is_unified())
        with Manager(self._user) as manager:
            try:
                try:
                    manager.call("StartTransientUnit", "ssa(sv)a(sa(sv))", self._unit, "replace", found, [])
                except Refused as error:
                    if error.name != "UnitExists":
                        raise
                    # What a crash has left: a unit that failed stays loaded until somebody has taken notice.
                    _reset_failed(manager, self._unit)
                    manager.call("StartTransientUnit", "ssa(sv)a(sa(sv))", self._unit, "replace", found, [])
            except Refused as error:
                raise CgroupError(f"start {self._unit} in {self._parent}: systemd: {error}") from None
            state = self._wait_for(manager, ("active", "failed"))
            if state != "active":
                raise CgroupError(
                    f"start {self._unit} in {self._parent}: it is {state}; see journalctl -u {self._unit}"
                )

    def _properties(self, pid: int) -> list[systemd_units.Property]:
        found: list[systemd_units.Property] = [
            ("Description", ("s", f"pyoci container {self._unit}")),
            ("DefaultDependencies", ("b", False)),
            ("MemoryAccounting", ("b", True)),
            ("CPUAccounting", ("b", True)),
            ("TasksAccounting", ("b", True)),
            ("IOAccounting" if is_unified() else "BlockIOAccounting", ("b", True)),
        ]
        if self._unit.endswith(".slice"):
            found.append(("Wants", ("as", [self._parent])))
        else:
            found.append(("Slice", ("s", self._parent)))
            found.append(("Delegate", ("b", True)))
            found.append(("PIDs", ("au", [pid])))
        # systemd reads them in order: what is asked for comes last and counts
        return found + self._asked

    def _wait_for(self, manager: Manager, wanted: tuple[str, ...]) -> str:
        """Poll: signals would need a subscription that systemd's own socket does not have."""
        deadline = time.monotonic() + _SECONDS
        while True:
            state = _active_state(manager, self._unit)
            if state in wanted:
                return state
            if time.monotonic() > deadline:
                raise CgroupError(f"wait for {self._unit}: still {state or 'not loaded'} after {_SECONDS:g} s")
            time.sleep(_PAUSE)


def _active_state(manager: Manager, unit: str) -> str:
    """`active`, `inactive`, `failed`, `activating` ...; empty for a unit that is not loaded."""
    try:
        path = manager.call("GetUnit", "s", unit)[0]
        state: str = manager.property(path, "Unit", "ActiveState")
    except Refused as error:
        if error.name in ("NoSuchUnit", "UnknownObject"):
            return ""
        raise CgroupError(f"look at {unit}: systemd: {error}") from None
    return state


def _reset_failed(manager: Manager, unit: str) -> None:
    try:
        manager.call("ResetFailedUnit", "s", unit)
    except Refused as error:
        if error.name != "NoSuchUnit":
            raise CgroupError(f"reset {unit}: systemd: {error}") from None
