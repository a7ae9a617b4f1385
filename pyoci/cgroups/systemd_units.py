"""Names of systemd units, and `linux.resources` as their properties. Pure.

See systemd.resource-control(5) and org.freedesktop.systemd1(5). The limits are written to the group's files
as well; without the properties systemd would set its own defaults over them when it reloads.
"""

from __future__ import annotations

from pyoci.cgroups import convert
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # (name, (signature, value))
    Property = tuple[str, tuple[str, Any]]

INFINITY = 2**64 - 1  # CGROUP_LIMIT_MAX, USEC_INFINITY
DEFAULT_PREFIX = "pyoci"
_DEFAULT_PERIOD = 100000  # microseconds; of the kernel
_PER_CENT = 10000  # microseconds of CPU time in a second
_UNIT_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_.-\\@")
_UNIT_MAX = 255


def parse(cgroups_path: str | None, container_id: str, user: bool) -> tuple[str, str]:
    """(slice, unit) of `cgroupsPath` in the form SLICE:PREFIX:NAME. Raises CgroupError.

    Without a slice the container goes where the manager puts what has none; a NAME that ends in `.slice` is
    the unit itself, as with runc.
    """
    if not cgroups_path:
        cgroups_path = f":{DEFAULT_PREFIX}:{container_id}"
    parts = cgroups_path.split(":")
    if len(parts) != 3:
        raise CgroupError(f"cgroupsPath {cgroups_path!r}: with --systemd-cgroup its form is SLICE:PREFIX:NAME")
    parent, prefix, name = parts
    parent = parent or ("user.slice" if user else "system.slice")
    _check_unit(parent, ".slice", cgroups_path)
    expand_slice(parent)
    if name.endswith(".slice"):
        _check_unit(name, ".slice", cgroups_path)
        return parent, name
    if not name:
        raise CgroupError(f"cgroupsPath {cgroups_path!r}: NAME is empty")
    unit = f"{prefix}-{name}.scope" if prefix else f"{name}.scope"
    _check_unit(unit, ".scope", cgroups_path)
    return parent, unit


def _check_unit(unit: str, suffix: str, cgroups_path: str) -> None:
    stem = unit.removesuffix(suffix)
    if stem == unit or not stem or len(unit) > _UNIT_MAX or not _UNIT_CHARACTERS.issuperset(unit):
        raise CgroupError(
            f"cgroupsPath {cgroups_path!r}: {unit!r} is not the name of a {suffix[1:]} unit (letters, digits "
            f"and : _ . - @, at most {_UNIT_MAX}, then {suffix})"
        )


def expand_slice(name: str) -> str:
    """The path of a slice: `a-b.slice` lies in `a.slice`. Empty for the root slice. Raises CgroupError."""
    stem = name.removesuffix(".slice")
    if stem == "-":
        return ""
    parts = stem.split("-")
    if not all(parts):
        raise CgroupError(f"slice {name!r}: a dash names a parent, so none may stand first, last or beside another")
    return "".join(f"/{'-'.join(parts[: count + 1])}.slice" for count in range(len(parts)))


def properties(resources: dict[str, Any], unified: bool) -> list[Property]:
    """What systemd has a property for; of the rest the files know. Raises CgroupError for impossible
    values.
    """
    found: list[Property] = []
    memory = resources.get("memory") or {}
    limit, swap = memory.get("limit"), memory.get("swap")
    if limit:
        found.append(("MemoryMax" if unified else "MemoryLimit", ("t", _amount(limit))))
    if unified and memory.get("reservation"):
        found.append(("MemoryLow", ("t", _amount(memory["reservation"]))))
    if unified and swap and (limit or swap < 0):
        value = convert.swap_max(swap, limit)
        found.append(("MemorySwapMax", ("t", INFINITY if value == "max" else int(value))))
    found += _cpu(resources.get("cpu") or {}, unified)
    pids = (resources.get("pids") or {}).get("limit")
    if pids:  # systemd refuses 0; the file takes it
        found.append(("TasksMax", ("t", _amount(pids))))
    weight = (resources.get("blockIO") or {}).get("weight")
    if weight:
        if unified:
            found.append(("IOWeight", ("t", convert.io_weight(weight))))
        else:
            found.append(("BlockIOWeight", ("t", weight)))
    if unified:
        found += _unified(resources.get("unified") or {})
    return found


def _cpu(given: dict[str, Any], unified: bool) -> list[Property]:
    found: list[Property] = []
    if given.get("shares"):
        if unified:
            found.append(("CPUWeight", ("t", convert.cpu_weight(given["shares"]))))
        else:
            found.append(("CPUShares", ("t", given["shares"])))
    if given.get("quota"):
        found += quota(given["quota"], given.get("period") or _DEFAULT_PERIOD)
    if unified:
        for key, name in (("cpus", "AllowedCPUs"), ("mems", "AllowedMemoryNodes")):
            if given.get(key):
                found.append((name, ("ay", cpu_mask(given[key], f"cpu.{key}"))))
    return found


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
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdigit() and last.isdigit() and int(first) <= int(last) < 8192):
            raise CgroupError(f"{name}: {text!r} is not a list such as 0-3,7")
        for number in range(int(first), int(last) + 1):
            mask |= 1 << number
    return mask.to_bytes(mask.bit_length() // 8 + 1, "little")


_UNIFIED = {
    "memory.min": "MemoryMin",
    "memory.low": "MemoryLow",
    "memory.high": "MemoryHigh",
    "memory.max": "MemoryMax",
    "memory.swap.max": "MemorySwapMax",
    "pids.max": "TasksMax",
    "cpu.weight": "CPUWeight",
}


def _unified(given: dict[str, str]) -> list[Property]:
    found: list[Property] = []
    for file, text in given.items():
        value = text.strip()
        if file in _UNIFIED and (value == "max" or value.isdigit()):
            found.append((_UNIFIED[file], ("t", INFINITY if value == "max" else int(value))))
        elif file == "cpu.max":
            first, _, period = value.partition(" ")
            if first == "max" or first.isdigit():
                amount = -1 if first == "max" else int(first)
                found += quota(amount, int(period) if period.isdigit() else _DEFAULT_PERIOD)
        elif file in ("cpuset.cpus", "cpuset.mems") and value:
            name = "AllowedCPUs" if file == "cpuset.cpus" else "AllowedMemoryNodes"
            found.append((name, ("ay", cpu_mask(value, f"unified {file!r}"))))
    return found


def _amount(value: int) -> int:
    return INFINITY if value < 0 else value
