"""Other limits for a unit: in the kernel and in systemd, or in neither.

systemd has no property for some of the limits, and a coarser grain for others: a quota in whole per cents. Whenever one
property of a controller is set, it writes all files of that controller, by what it knows. So what it writes over is
written back.
"""

from __future__ import annotations

from pyoci.cgroups import files
from pyoci.cgroups.dbus_refusal import Refused
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.cgroups.dbus import Manager
    from pyoci.cgroups.systemd_units import Property

    Contents = dict[str, str]  # by path

# cgroup_context_apply() of systemd 257, without what it writes for single disks: these are limits of its own only.
_WRITTEN = (
    *("cpu.idle", "cpu.weight", "cpu.max", "cpuset.cpus", "cpuset.mems", "io.weight", "io.bfq.weight"),
    *("memory.min", "memory.low", "memory.high", "memory.max", "memory.swap.max", "memory.zswap.max"),
    *("memory.zswap.writeback", "memory.oom.group", "pids.max"),
    *("cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us", "blkio.weight", "blkio.bfq.weight"),
    "memory.limit_in_bytes",
)


class Unit:
    """A unit in the hands of its systemd, and the paths of its groups."""

    __slots__ = ("groups", "manager", "name")

    def __init__(self, manager: Manager, name: str, groups: list[str]) -> None:
        self.manager = manager
        self.name = name
        self.groups = groups


def update(unit: Unit, properties: list[Property], apply: Callable[[], object], restrict: Callable[[], object]) -> None:
    """Have `apply` change the files, and systemd the properties. On any failure both are as before. Raises CgroupError.

    The kernel comes first, since it refuses more than systemd. `restrict` is called last: rules of devices cannot be
    put back.
    """
    try:
        former = _former(unit, properties)
        before = _contents(unit.groups)
        apply()
        _change(unit, properties, former, before, restrict)
    except Refused as error:
        raise CgroupError(f"change limits of {unit.name}: systemd: {error}") from None


def _change(
    unit: Unit, properties: list[Property], former: list[Property], before: Contents, restrict: Callable[[], object]
) -> None:
    has_answered = False
    try:
        contents = _contents(unit.groups)
        unit.manager.call("SetUnitProperties", "sba(sv)", unit.name, True, properties)
        has_answered = True
        _write_back(contents)
        restrict()
    except BaseException as error:  # no answer, too, and a signal that ends the wait for one
        if not isinstance(error, Refused):  # then it has set none of them
            _take_back(unit, former, has_answered)
        _write_back(before, insist=False)
        raise


def _take_back(unit: Unit, former: list[Property], has_answered: bool) -> None:
    # A systemd that has not answered may do what it was asked for later: it does this after that.
    ask = unit.manager.call if has_answered else unit.manager.tell
    try:
        ask("SetUnitProperties", "sba(sv)", unit.name, True, former)
    except (CgroupError, Refused):
        pass  # the caller has an error to show


def _former(unit: Unit, properties: list[Property]) -> list[Property]:
    """The properties as they are now. Raises Refused, CgroupError."""
    path = unit.manager.call("GetUnit", "s", unit.name)[0]
    interface = "Slice" if unit.name.endswith(".slice") else "Scope"
    return [(name, (kind, unit.manager.property(path, interface, name))) for name, (kind, _) in properties]


def _contents(groups: list[str]) -> Contents:
    paths = (f"{group}/{name}" for group in groups for name in _WRITTEN)
    return {path: _shown(text) for path in paths if (text := files.read_optional(path)) is not None}


def _shown(text: str) -> str:
    """The value of a file; of io.weight that for all disks."""
    return text.partition("\n")[0]


def _write_back(contents: Contents, insist: bool = True) -> None:
    """Write values over others, in whatever order the kernel takes them. With `insist` raises CgroupError."""
    failure: CgroupError | None = None
    for _ in contents:  # at the latest the last round writes the last one
        paths = [path for path, value in contents.items() if not _has(path, value)]
        for path in paths:
            try:
                files.write(path, contents[path])
            except CgroupError as error:
                failure = error
    if insist and failure is not None and not all(_has(path, value) for path, value in contents.items()):
        raise CgroupError(f"{failure}; systemd has changed it meanwhile")


def _has(path: str, value: str) -> bool:
    text = files.read_optional(path)
    return text is None or _shown(text) == value
