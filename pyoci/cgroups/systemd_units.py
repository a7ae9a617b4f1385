"""Names of systemd units, and the planned writes as their properties. Pure.

See systemd.resource-control(5) and org.freedesktop.systemd1(5). The values are written to the group's files as well;
without the properties systemd would set its own defaults over them when it reloads.
"""

from __future__ import annotations

from pyoci import number_list
from pyoci.cgroups.systemd_values import UNIT_CHARACTERS, UNIT_MAX
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.cgroups.writes import Write

    # (name, (signature, value))
    Property = tuple[str, tuple[str, Any]]

INFINITY = 2**64 - 1  # CGROUP_LIMIT_MAX, USEC_INFINITY
DEFAULT_PREFIX = "pyoci"
_DEFAULT_PERIOD = 100000  # microseconds; of the kernel
_PER_CENT = 10000  # microseconds of CPU time in a second


def parse(cgroups_path: str | None, container_id: str, user: bool) -> tuple[str, str]:
    """(slice, unit) of `cgroupsPath` in the form SLICE:PREFIX:NAME. Raises CgroupError.

    Without a slice the container goes where the manager puts what has none; a NAME that ends in `.slice` is
    the unit itself, as with runc. An ID is never a unit of the host: a container may be called `user.slice`.
    """
    is_named = bool(cgroups_path)
    what = f"/linux/cgroupsPath: {cgroups_path!r}" if is_named else f"container id {container_id!r}"
    cgroups_path = cgroups_path or f":{DEFAULT_PREFIX}:{container_id}"
    parts = cgroups_path.split(":")
    if len(parts) != 3:
        raise CgroupError(f"{what} must have the form SLICE:PREFIX:NAME with --systemd-cgroup")
    parent, prefix, name = parts
    parent = parent or ("user.slice" if user else "system.slice")
    _check_unit(parent, ".slice", what)
    expand_slice(parent)
    if is_named and name.endswith(".slice"):
        _check_unit(name, ".slice", what)
        return parent, name
    if not name:
        raise CgroupError(f"{what} has an empty NAME")
    unit = f"{prefix}-{name}.scope" if prefix else f"{name}.scope"
    _check_unit(unit, ".scope", what)
    return parent, unit


def _check_unit(unit: str, suffix: str, what: str) -> None:
    stem = unit.removesuffix(suffix)
    if stem == unit or not stem or len(unit) > UNIT_MAX or not UNIT_CHARACTERS.issuperset(unit):
        raise CgroupError(
            f"{what}: {unit!r} is not the name of a {suffix[1:]} unit (letters, digits "
            f"and : _ . - @, at most {UNIT_MAX}, then {suffix})"
        )


def expand_slice(name: str) -> str:
    """The path of a slice: `a-b.slice` lies in `a.slice`. Empty for the root slice. Raises CgroupError."""
    stem = name.removesuffix(".slice")
    if stem == "-":
        return ""
    parts = stem.split("-")
    if not all(parts):
        raise CgroupError(
            f"/linux/cgroupsPath: {name!r}: a dash names a parent slice; none may stand first, last or beside another"
        )
    return "".join(f"/{'-'.join(parts[: count + 1])}.slice" for count in range(len(parts)))


def properties(batches: list[list[Write]], unified: bool, in_force: dict[str, str]) -> list[Property]:
    """The writes that systemd has a property for. `in_force` has the quota and period of a v1 group in use.

    Raises CgroupError for a list of CPUs that cannot be read.
    """
    writes = [item for batch in batches for item in batch if not item.unified]
    return _of_v2(writes) if unified else _of_v1(writes, in_force)


def _of_v2(writes: list[Write]) -> list[Property]:
    properties: list[Property] = []
    for item in writes:
        file, value = item.targets[-1]
        if file in _V2:
            properties += _amount(_V2[file], value)
        elif file == "cpu.max":
            properties += _cpu_max(value)
        elif file in _SETS and value:
            properties.append((_SETS[file], ("ay", cpu_mask(value, item.name))))
    return properties


def _of_v1(writes: list[Write], in_force: dict[str, str]) -> list[Property]:
    properties: list[Property] = []
    bandwidth: dict[str, str] = {}
    for item in writes:
        file, value = item.targets[0]
        if file in _V1:
            properties += _amount(_V1[file], value)
        elif file in ("cpu.cfs_quota_us", "cpu.cfs_period_us"):
            bandwidth[file] = value
    if bandwidth:
        whole = {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": str(_DEFAULT_PERIOD)} | in_force | bandwidth
        properties += quota(int(whole["cpu.cfs_quota_us"]), int(whole["cpu.cfs_period_us"]))
    return properties


def _amount(name: str, value: str) -> list[Property]:
    word = value.removeprefix("default ")  # io.weight: of all devices
    if word in ("max", "-1"):
        return [(name, ("t", INFINITY))]
    # systemd refuses what it does not know, and names neither the value nor who asks; the file has it, or the kernel's
    # refusal tells both
    lowest, highest = _RANGES.get(name, (0, INFINITY))
    return [(name, ("t", int(word)))] if word.isascii() and word.isdigit() and lowest <= int(word) <= highest else []


def _cpu_max(value: str) -> list[Property]:
    first, _, period = value.partition(" ")
    if first != "max" and not (first.isascii() and first.isdigit()):
        return []
    microseconds = -1 if first == "max" else int(first)
    return quota(microseconds, int(period) if period.isascii() and period.isdigit() else _DEFAULT_PERIOD)


def quota(microseconds: int, period: int) -> list[Property]:
    """A quota as CPU time in a second, in whole per cents, since systemd counts no finer: rounded up."""
    if microseconds < 0:
        return [("CPUQuotaPerSecUSec", ("t", INFINITY))]
    in_second = microseconds * 1_000_000 // period
    in_second = -(-in_second // _PER_CENT) * _PER_CENT
    return [("CPUQuotaPerSecUSec", ("t", in_second)), ("CPUQuotaPeriodUSec", ("t", period))]


def cpu_mask(text: str, name: str) -> bytes:
    """`0-3,7` as bits, the lowest number first. Raises CgroupError."""
    mask = 0
    try:
        for number in number_list.parse(text):
            mask |= 1 << number
    except ValueError:
        raise CgroupError(f"{name}: {text!r} must be a list such as 0-3,7") from None
    return mask.to_bytes(mask.bit_length() // 8 + 1, "little")


_V2 = {
    "memory.min": "MemoryMin",
    "memory.low": "MemoryLow",
    "memory.high": "MemoryHigh",
    "memory.max": "MemoryMax",
    "memory.swap.max": "MemorySwapMax",
    "pids.max": "TasksMax",
    "cpu.weight": "CPUWeight",
    "io.weight": "IOWeight",
}
_V1 = {
    "memory.limit_in_bytes": "MemoryLimit",
    "cpu.shares": "CPUShares",
    "pids.max": "TasksMax",
    "blkio.weight": "BlockIOWeight",
}
# the values that systemd takes beside INFINITY; a CPUWeight of 0 would be an idle group
_RANGES = {
    "CPUWeight": (1, 10000),
    "IOWeight": (1, 10000),
    **dict.fromkeys(("MemoryHigh", "MemoryLimit", "MemoryMax", "TasksMax"), (1, INFINITY)),
}
_SETS = {"cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes"}
