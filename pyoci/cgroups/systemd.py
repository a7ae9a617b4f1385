"""Groups that systemd makes: a transient scope for each container. Wraps the groups of either layout.

systemd makes a scope only around a process: `create` checks and remembers, the first `add` does the work.
"""

from __future__ import annotations

import time

from pyoci.cgroups import (
    FORCE_V1,
    NOBODY,
    ROOT,
    hierarchies,
    is_unified,
    limits,
    subgroups,
    systemd_annotations,
    systemd_units,
)
from pyoci.cgroups.dbus_refusal import Refused
from pyoci.cgroups.group import Group
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.cgroups import OomWatch
    from pyoci.cgroups.dbus import Manager
    from pyoci.cgroups.limits import Limits
    from pyoci.cgroups.v1 import LegacyCgroup
    from pyoci.cgroups.v2 import UnifiedCgroup
    from pyoci.wire.cgroup import CgroupMounts

_SECONDS = 30.0
_PAUSE = 0.005
_INIT_SCOPE = "/init.scope"  # systemd.special(7): where PID 1 is


def _manager(user: bool) -> Manager:
    """Not imported at the top: few commands call systemd, and its modules are files that may be gone (ImportError)."""
    from pyoci.cgroups.dbus import Manager

    return Manager(user)


def prepare(
    cgroups_path: str | None,
    container_id: str,
    unified: bool,
    rootless: bool,
    resources: dict[str, Any] | None,
    annotations: dict[str, str] | None,
) -> SystemdCgroup:
    """See `pyoci.cgroups.prepare`."""
    user = rootless
    parent, unit = systemd_units.parse(cgroups_path, container_id, user)
    asked = systemd_annotations.properties(annotations or {})
    leaf = subgroups.subgroup(annotations or {})
    path = f"{systemd_units.expand_slice(parent)}/{unit}"
    inner: UnifiedCgroup | LegacyCgroup
    if unified:
        from pyoci.cgroups import controllers
        from pyoci.cgroups.v2 import UnifiedCgroup

        planned = limits.of_new_group(resources, unified=True)
        controllers.require((item for batch in planned.batches for item in batch), ROOT)
        group = Group(ROOT, _manager_group(user) + path)
        group.look_for_user()
        inner = UnifiedCgroup(group, container_id, rootless, limits=planned, adopted=True, leaf=leaf)
        if annotations and annotations.get(FORCE_V1):
            inner.join_named()
    else:
        from pyoci.cgroups.v1 import LegacyCgroup

        groups = _v1_groups(path)
        for group in groups.values():
            group.look_for_user()
        leaves = dict.fromkeys(groups, leaf) if leaf else None
        inner = LegacyCgroup(groups, container_id, rootless, adopted=True, leaves=leaves)
        planned = inner.plan(resources)
    properties = systemd_units.properties(planned.batches, unified, {})
    return SystemdCgroup(inner, unit, parent, user, asked=[*properties, *asked])


def _manager_group(user: bool) -> str:
    """The group of the manager itself, below which its slices are."""
    if user:
        with _manager(True) as manager:
            group: str = manager.property("/org/freedesktop/systemd1", "Manager", "ControlGroup")
    else:
        with open("/proc/1/cgroup", encoding="utf-8") as file:
            group = hierarchies.parse_proc_cgroup(file.read()).get("", "/").removesuffix(_INIT_SCOPE)
    for hierarchy in hierarchies.mounted():
        if hierarchy.mount == ROOT:
            return hierarchies.below_mount(group or "/", hierarchy.root)
    return group.rstrip("/")


def _v1_groups(path: str) -> dict[str, Group]:
    with open("/proc/1/cgroup", encoding="utf-8") as file:
        first = hierarchies.parse_proc_cgroup(file.read())
    groups = {}
    for hierarchy in hierarchies.mounted():
        name = hierarchy.controllers
        base = first.get(name, "/").removesuffix(_INIT_SCOPE)
        groups[name] = Group(hierarchy.mount, hierarchies.below_mount(base or "/", hierarchy.root) + path)
    return groups


class SystemdCgroup:
    """A container's unit and the groups that it is made of: see `pyoci.cgroups.Cgroup`."""

    __slots__ = ("_asked", "_inner", "_owner", "_parent", "_pending", "_unit", "_user")

    def __init__(
        self,
        inner: UnifiedCgroup | LegacyCgroup,
        unit: str,
        parent: str,
        user: bool,
        asked: list[systemd_units.Property] | None = None,
    ) -> None:
        self._inner = inner
        self._asked = asked or []  # by resources and annotations
        self._unit = unit
        self._parent = parent
        self._user = user
        self._pending = False
        self._owner: tuple[int, int] | None = None

    @classmethod
    def reopen(cls, saved: dict[str, Any]) -> SystemdCgroup:
        from pyoci.cgroups.v1 import LegacyCgroup
        from pyoci.cgroups.v2 import UnifiedCgroup

        unit = saved["systemd"]
        inner = UnifiedCgroup.reopen(saved) if saved["layout"] == "v2" else LegacyCgroup.reopen(saved)
        return cls(inner, unit["unit"], unit["slice"], unit["user"])

    def save(self) -> dict[str, Any]:
        unit = {"unit": self._unit, "slice": self._parent, "user": self._user}
        return {"systemd": unit, **self._inner.save()}

    def create(self, owner: tuple[int, int] | None) -> SystemdCgroup:
        self._pending = True
        self._owner = owner
        return self

    def clone_fd(self) -> int:
        return -1 if self._pending else self._inner.clone_fd()

    def add(self, pid: int) -> None:
        if self._pending:
            self._pending = False
            self._start(pid)
            # What systemd has no property for; and on v1 the hierarchies that it does not manage.
            try:
                self._inner.create(self._owner)
                self._inner.add(pid)
                self._inner.enable_leaf()
            except (CgroupError, OSError) as error:
                raise self._ended_meanwhile(error) from None
            return
        self._inner.add(pid)

    def _ended_meanwhile(self, error: CgroupError | OSError) -> CgroupError | OSError:
        """The error, or that the unit is gone: an annotation may say so, or somebody else."""
        try:
            with _manager(self._user) as manager:
                state = _active_state(manager, self._unit)
        except CgroupError:
            return error  # the first one is the one to show
        if state in ("active", "activating"):
            return error
        return CgroupError(f"start {self._unit} in {self._parent}: it is {state or 'gone'} by now{self._annotated()}")

    def update(self, resources: dict[str, Any]) -> None:
        planned = self._inner.plan_update(resources)
        properties = systemd_units.properties(planned.batches, is_unified(), self._in_force(planned))
        if not properties:
            self._inner.apply_update(planned)
            return
        from pyoci.cgroups import systemd_update

        groups = [Group.from_saved(group).path for group in self._inner.save()["groups"].values()]
        with _manager(self._user) as manager:
            unit = systemd_update.Unit(manager, self._unit, groups)
            systemd_update.update(
                unit,
                properties,
                lambda: self._inner.apply_update(limits.Limits(batches=planned.batches)),
                lambda: self._inner.apply_update(limits.Limits(batches=[], devices=planned.devices)),
            )

    def freeze(self, frozen: bool) -> None:
        self._inner.freeze(frozen)

    def is_frozen(self) -> bool:
        return self._inner.is_frozen()

    def kill(self, signal: int) -> None:
        self._inner.kill(signal)

    def thaw_killed(self) -> None:
        self._inner.thaw_killed()

    def pids(self) -> list[int]:
        return self._inner.pids()

    def stats(self) -> dict[str, Any]:
        return self._inner.stats()

    def oom_watch(self) -> OomWatch | None:
        return self._inner.oom_watch()

    def oom_kills(self) -> int:
        return self._inner.oom_kills()

    def why_stuck(self) -> str:
        return "" if self._pending else self._inner.why_stuck()

    def mounts(self, cgroup_namespace: bool) -> CgroupMounts:
        return self._inner.mounts(cgroup_namespace)

    def destroy(self, left: str) -> str:
        # Before the unit is stopped, by which systemd would kill all that is in it and below it.
        why = self._inner.destroy(left)
        if why or self._is_anothers():
            return why
        try:
            connection = _manager(self._user)
        except ImportError as error:
            # the unit ends with its last process, as they all do without us
            return f"systemd is not asked to stop {self._unit}: Python's module {error.name} is missing"
        with connection as manager:
            if self._is_in_another_slice(manager):
                return ""
            try:
                manager.call("StopUnit", "ss", self._unit, "replace")
                self._wait_for(manager, ("inactive", "failed", ""))
            except Refused as error:
                if error.name != "NoSuchUnit":  # it ended with its last process
                    raise CgroupError(f"stop {self._unit}: systemd: {error}") from None
            self._inner.destroy(NOBODY)
            _reset_failed(manager, self._unit)
        return ""

    def _is_anothers(self) -> bool:
        """Whether the unit of this name holds processes: this container's are gone, so it is a later one's."""
        return self._inner.is_in_use()

    def _is_in_another_slice(self, manager: Manager) -> bool:
        """Whether a later container has made a unit of this name elsewhere: ours has ended with its last process."""
        if self._unit.endswith(".slice"):
            return False  # its name is its place
        try:
            path = manager.call("GetUnit", "s", self._unit)[0]
            return bool(manager.property(path, "Scope", "Slice") != self._parent)
        except Refused:
            return False  # it is not loaded any more

    def _in_force(self, planned: Limits) -> dict[str, str]:
        """The quota and period in force on v1, for an update of one of them; v2's file has both."""
        names = {item.targets[0][0] for batch in planned.batches for item in batch}
        from pyoci.cgroups.v1 import LegacyCgroup

        if not isinstance(self._inner, LegacyCgroup) or not names & {"cpu.cfs_quota_us", "cpu.cfs_period_us"}:
            return {}
        return self._inner.cpu_in_force()

    def _start(self, pid: int) -> None:
        properties = self._properties(pid)
        with _manager(self._user) as manager:
            try:
                try:
                    manager.call("StartTransientUnit", "ssa(sv)a(sa(sv))", self._unit, "replace", properties, [])
                except Refused as error:
                    if error.name != "UnitExists":
                        raise
                    # What a crash has left: a unit that failed stays loaded until somebody has taken notice.
                    _reset_failed(manager, self._unit)
                    manager.call("StartTransientUnit", "ssa(sv)a(sa(sv))", self._unit, "replace", properties, [])
            except Refused as error:
                raise CgroupError(
                    f"start {self._unit} in {self._parent}: systemd: {error}{self._annotated()}"
                ) from None
            state = self._wait_for(manager, ("active", "failed"))
            if state != "active":
                raise CgroupError(
                    f"start {self._unit} in {self._parent}: it is {state}; see journalctl -u {self._unit}"
                    f"{self._annotated()}"
                )

    def _annotated(self) -> str:
        """For a refusal, since systemd often names no property."""
        names = [name for name, _ in self._asked if name in systemd_annotations.ALLOWED]
        return f" (annotations set {', '.join(names)})" if names else ""

    def _properties(self, pid: int) -> list[systemd_units.Property]:
        properties: list[systemd_units.Property] = [
            ("Description", ("s", f"pyoci container {self._unit}")),
            ("DefaultDependencies", ("b", False)),
            ("MemoryAccounting", ("b", True)),
            ("CPUAccounting", ("b", True)),
            ("TasksAccounting", ("b", True)),
            ("IOAccounting" if is_unified() else "BlockIOAccounting", ("b", True)),
        ]
        if self._unit.endswith(".slice"):
            properties.append(("Wants", ("as", [self._parent])))
        else:
            properties.append(("Slice", ("s", self._parent)))
            properties.append(("Delegate", ("b", True)))
            properties.append(("PIDs", ("au", [pid])))
        # systemd reads them in order: what is asked for comes last and counts
        return properties + self._asked

    def _wait_for(self, manager: Manager, states: tuple[str, ...]) -> str:
        """Poll: signals would need a subscription that systemd's own socket does not have."""
        deadline = time.monotonic() + _SECONDS
        while True:
            state = _active_state(manager, self._unit)
            if state in states:
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
