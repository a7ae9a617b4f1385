"""resctrl groups, for `linux.intelRdt`: see Documentation/filesystems/resctrl.rst of the kernel.

What was made is known by the number of its directory, as cgroups are (`group.Group`), and only that is removed.
"""

from __future__ import annotations

import errno
import posix

from pyoci.cgroups import files
from pyoci.errors import CgroupError, UnsupportedError, reason
from pyoci.kernel.uapi import unescape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pyoci.wire.plan import IntelRdt

    # resource -> id of the cache or socket -> value
    Schemata = dict[str, dict[str, str]]

_HEX = ("L2", "L3")  # bit masks; the others are numbers, which the kernel may round


def mount_point() -> str:
    """Where resctrl is mounted. Raises UnsupportedError when it is not."""
    for line in files.read("/proc/self/mountinfo").split("\n"):
        before, _, after = line.partition(" - ")
        if after.startswith("resctrl "):
            return unescape(before.split(" ")[4])
    raise UnsupportedError(
        "/linux/intelRdt: no resctrl file system is mounted; it takes a processor with Intel RDT or AMD QoS, and "
        "mount -t resctrl resctrl /sys/fs/resctrl"
    )


def prepare(plan: IntelRdt) -> dict[str, Any]:
    """The argument of `remove`, as JSON can hold it; nothing is made yet. Raises UnsupportedError, CgroupError."""
    root = mount_point()
    place = _place(root, plan.group)
    there = posix.access(place, posix.F_OK)
    if not plan.named and there:
        raise CgroupError(
            f"/linux/intelRdt: {place} exists: the container's own group is made again; name it by closID"
        )
    if plan.named and not there and not plan.schemata:
        raise CgroupError(f"/linux/intelRdt/closID: {place} does not exist, and there are no schemata to make it with")
    if there and not posix.access(f"{place}/tasks", posix.F_OK):
        raise CgroupError(f"/linux/intelRdt/closID: {place} is not a resctrl group: it has no file named tasks")
    if there and plan.schemata:
        _compare(place, plan.schemata)
    if plan.monitoring and posix.access(f"{place}/mon_groups/{plan.monitoring}", posix.F_OK):
        raise CgroupError(f"/linux/intelRdt/enableMonitoring: {place}/mon_groups/{plan.monitoring} exists")
    return {"root": root, "group": plan.group, "monitoring": plan.monitoring, "inode": 0, "own": not plan.named,
            "monitoring_inode": 0}  # fmt: skip


def begun(saved: dict[str, Any]) -> dict[str, Any]:
    """The argument of `remove` if the runtime is killed in `join`: the numbers of the directories are not known yet."""
    return {**saved, "making": True, "new": not posix.access(_place(saved["root"], saved["group"]), posix.F_OK)}


def join(plan: IntelRdt, saved: dict[str, Any], pid: int) -> dict[str, Any]:
    """Make the groups as far as they are missing and move the process in; what `saved` is from then on.

    On failure what was made is removed. Raises CgroupError.
    """
    place = _place(saved["root"], plan.group)
    new_groups: list[str] = []
    try:
        if _make(place):
            new_groups.append(place)
            for line in plan.schemata:
                _write_schema(saved["root"], place, line)
        elif plan.schemata:
            _compare(place, plan.schemata)
        known = {**saved, "inode": _inode(place)}
        _move(place, pid)
        if plan.monitoring:
            below = f"{place}/mon_groups/{plan.monitoring}"
            if not _make(below):
                raise CgroupError(f"/linux/intelRdt/enableMonitoring: {below} exists")
            new_groups.append(below)
            known["monitoring_inode"] = _inode(below)
            _move(below, pid)
    except CgroupError:
        for path in reversed(new_groups):
            _rmdir(path)
        raise
    return known


def add(saved: dict[str, Any], pid: int) -> None:
    """Move a further process in. Raises CgroupError."""
    place = _place(saved["root"], saved["group"])
    _check(place, saved["inode"])
    _move(place, pid)
    if saved["monitoring"]:
        _move(f"{place}/mon_groups/{saved['monitoring']}", pid)


def remove(saved: dict[str, Any]) -> None:
    """Remove what was made for the container: its monitoring group, and its group unless closID named it.

    One that closID names goes only where `join` was killed before all schemata were written: then it has no tasks.
    Raises CgroupError.
    """
    place = _place(saved["root"], saved["group"])
    below = f"{place}/mon_groups/{saved['monitoring']}"
    if saved.get("making"):
        if saved["monitoring"]:
            _rmdir(below)
        if saved["new"] and (saved["own"] or files.read_optional(f"{place}/tasks") == ""):
            _rmdir(place)
        return
    if saved["monitoring"] and _is(below, saved["monitoring_inode"]):
        _rmdir(below)
    if saved["own"] and _is(place, saved["inode"]):
        _rmdir(place)


def update(saved: dict[str, Any], lines: Iterable[str]) -> list[str]:
    """Write further lines of schemata; those that undo it. Raises CgroupError: then it is undone."""
    place = _place(saved["root"], saved["group"])
    _check(place, saved["inode"])
    before = [_line(*row) for row in parse(files.read(f"{place}/schemata")).items()]
    try:
        for line in lines:
            _write_schema(saved["root"], place, line)
    except CgroupError:
        for line in before:
            _write_schema(saved["root"], place, line)
        raise
    return before


def stats(saved: dict[str, Any]) -> dict[str, Any]:
    """Schemata in force and what is monitored, in the shape of `intel_rdt` of runc's `events --stats`."""
    root, place = saved["root"], _place(saved["root"], saved["group"])
    statistics: dict[str, Any] = {}
    for resource, name in (("L3", "l3_cache_schema"), ("MB", "mem_bw_schema")):
        for suffix, group in (("_root", root), ("", place)):
            values = parse(files.read(f"{group}/schemata")).get(resource)
            if values:
                statistics[name + suffix] = _line(resource, values)
    cache = _numbers(f"{root}/info/L3", ("cbm_mask", "min_cbm_bits", "num_closids"))
    bandwidth = _numbers(f"{root}/info/MB", ("bandwidth_gran", "delay_linear", "min_bandwidth", "num_closids"))
    monitored = f"{place}/mon_groups/{saved['monitoring']}" if saved["monitoring"] else place
    return statistics | {
        key: value
        for key, value in (
            ("l3_cache_info", cache),
            ("mem_bw_info", bandwidth),
            ("mbm_stats", _monitored(monitored, ("mbm_total_bytes", "mbm_local_bytes"))),
            ("cmt_stats", _monitored(monitored, ("llc_occupancy",))),
        )
        if value
    }


def parse(text: str) -> Schemata:
    """`L3:0=fff;1=fff` lines. Pure. Raises CgroupError for another form."""
    schemata: Schemata = {}
    for line in text.splitlines():
        resource, colon, rest = line.strip().partition(":")
        pairs = [part.strip().partition("=") for part in rest.split(";") if part.strip()]
        if (
            not colon
            or not resource.strip()
            or not pairs
            or not all(key.strip() and value.strip() for key, _, value in pairs)
        ):
            raise CgroupError(f"/linux/intelRdt: {files.shown(line)} is not a line of schemata such as L3:0=ff;1=ff")
        schemata.setdefault(resource.strip(), {}).update({key.strip(): value.strip() for key, _, value in pairs})
    return schemata


def differences(lines: list[str], in_force: str) -> list[str]:
    """Those of `lines` that the schemata `in_force` do not hold. Pure. Raises CgroupError."""
    there = parse(in_force)
    return [
        line
        for line in lines
        for resource, values in parse(line).items()
        if any(_value(resource, there.get(resource, {}).get(key, "")) != _value(resource, value)
               for key, value in values.items())
    ]  # fmt: skip


def _line(resource: str, values: dict[str, str]) -> str:
    return f"{resource}:" + ";".join(f"{key}={value}" for key, value in values.items())


def _value(resource: str, text: str) -> object:
    """`0ff` and `ff` are one mask."""
    base = 16 if resource.startswith(_HEX) else 10
    try:
        return int(text, base)
    except ValueError:
        return text


def _compare(place: str, lines: list[str]) -> None:
    wrong = differences(lines, files.read(f"{place}/schemata"))
    if wrong:
        raise CgroupError(f"/linux/intelRdt: the schemata of {place} differ from {files.shown(wrong[0])}")


def _write_schema(root: str, place: str, line: str) -> None:
    parse(line)
    try:
        files.write_raw(f"{place}/schemata", line + "\n")
    except OSError as error:
        why = (files.read_optional(f"{root}/info/last_cmd_status") or "").strip()
        words = f"{reason(error)}: {why}" if why and why != "ok" else reason(error)
        raise CgroupError(f"/linux/intelRdt: write {files.shown(line)} to {place}/schemata: {words}") from None
    masks = [line] if line.lstrip().startswith(_HEX) else []
    if differences(masks, files.read(f"{place}/schemata")):
        raise CgroupError(f"/linux/intelRdt: {place}/schemata took {files.shown(line)}, and does not hold it")


def _move(place: str, pid: int) -> None:
    files.write(f"{place}/tasks", str(pid))


def _make(path: str) -> bool:
    try:
        posix.mkdir(path, 0o755)
    except FileExistsError:
        return False
    except OSError as error:
        hint = "; there are no more classes of service, or monitoring IDs" if error.errno == errno.ENOSPC else ""
        raise CgroupError(f"/linux/intelRdt: make {path}: {reason(error)}{hint}") from None
    return True


def _rmdir(path: str) -> None:
    try:
        posix.rmdir(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CgroupError(f"remove {path}: {reason(error)}") from None


def _place(root: str, group: str) -> str:
    return f"{root}/{group}" if group else root


def _inode(path: str) -> int:
    return posix.stat(path).st_ino


def _is(path: str, inode: int) -> bool:
    try:
        return inode != 0 and _inode(path) == inode
    except OSError:
        return False


def _check(place: str, inode: int) -> None:
    if not _is(place, inode):
        raise CgroupError(f"resctrl group {place}: it was removed, or made again, since the container was made")


def _numbers(folder: str, names: tuple[str, ...]) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for name in names:
        text = (files.read_optional(f"{folder}/{name}") or "").strip()
        if text:
            numbers[name] = int(text) if text.isdigit() and name != "cbm_mask" else text
    return numbers


def _monitored(group: str, names: tuple[str, ...]) -> list[dict[str, int]]:
    """One entry for each L3 cache; `Unavailable` counts as nothing."""
    try:
        folders = sorted(name for name in posix.listdir(f"{group}/mon_data") if name.startswith("mon_L3_"))
    except OSError:
        return []
    domains = []
    for folder in folders:
        texts = {name: (files.read_optional(f"{group}/mon_data/{folder}/{name}") or "").strip() for name in names}
        counts = {name: int(text) for name, text in texts.items() if text.isdigit()}
        if counts:
            domains.append(counts)
    return domains
