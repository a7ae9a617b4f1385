"""`linux.resources` as values for the files of cgroup v2. Pure.

What v2 lacks is an error by name (config-linux.md, "Unified"), unless the value asks for what v2 does anyway.
Zero means "not given" where it is not a limit, as in `resources_v1`.
"""

from __future__ import annotations

from pyoci.cgroups import convert
from pyoci.cgroups.writes import Write, pids_max, rdma_lines, single_write
from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Facts = dict[str, str]

_THROTTLE = (
    ("throttleReadBpsDevice", "rbps"),
    ("throttleWriteBpsDevice", "wbps"),
    ("throttleReadIOPSDevice", "riops"),
    ("throttleWriteIOPSDevice", "wiops"),
)


def plan(resources: dict[str, Any], facts: Facts) -> list[list[Write]]:
    """Batches for `writes.apply`; devices are not in them.

    `facts` holds what is in `memory.max`, `memory.current` and `cpu.max` of a group in use, where values depend on
    them (`limits.facts_needed`); a new group has no limit. Raises CgroupError for impossible values and for what v2
    does not have.
    """
    batches: list[list[Write]] = []
    if resources.get("memory"):
        batches += _memory(resources["memory"], facts)
    if resources.get("cpu"):
        batches += _cpu(resources["cpu"], facts)
    for section, planned in (
        ("pids", _pids),
        ("blockIO", _block_io),
        ("hugepageLimits", _hugepages),
        ("network", _network),
        ("rdma", _rdma),
        ("unified", _unified),
    ):
        limits = resources.get(section)
        if limits:
            batches += planned(limits)
    # Below what is in use memory.max kills, which no later refusal takes back.
    return sorted(filter(None, batches), key=lambda batch: batch[0].targets[0][0] == "memory.max")


def _lacking(name: str, value: object) -> CgroupError:
    return CgroupError(f"{name}: {value!r} cannot be applied: cgroup v2 has nothing like it; leave it out")


def _memory(memory: dict[str, Any], facts: Facts) -> list[list[Write]]:
    for key, harmless in (
        ("kernel", (0, -1)),
        ("kernelTCP", (0, -1)),
        ("swappiness", ()),
        ("disableOOMKiller", (False,)),
        ("useHierarchy", (True,)),
    ):
        if memory.get(key) is not None and memory[key] not in harmless:
            raise _lacking(f"memory.{key}", memory[key])
    batches = []
    limit, swap = memory.get("limit"), memory.get("swap")
    if limit and limit > 0 and memory.get("checkBeforeUpdate"):
        used = int(facts.get("memory.current", "0"))
        if used > limit:
            raise CgroupError(f"memory.limit: {limit} is below the {used} bytes that are in use")
    if not swap and limit and limit > 0:
        swap = _swap_in_force(facts)
    if swap:
        value = convert.swap_max(swap, limit or _number(facts.get("memory.max")))
        # Without swap in the kernel there is no file; then no swap and all of it are the same.
        batches.append(
            [single_write("memory", "memory.swap.max", value, "memory.swap", optional=value in ("0", "max"))]
        )
    elif limit == -1:
        batches.append([single_write("memory", "memory.swap.max", "max", "memory.limit", optional=True)])
    if limit:
        batches.append([single_write("memory", "memory.max", convert.maximum(limit), "memory.limit")])
    if memory.get("reservation"):
        value = convert.maximum(memory["reservation"])
        batches.append([single_write("memory", "memory.low", value, "memory.reservation")])
    return batches


def _cpu(cpu: dict[str, Any], facts: Facts) -> list[list[Write]]:
    for key in ("realtimeRuntime", "realtimePeriod"):
        if cpu.get(key):
            raise _lacking(f"cpu.{key}", cpu[key])
    weight, bandwidth = [], []
    if cpu.get("shares"):
        # The kernel refuses a weight for an idle group: in one batch, each order is tried.
        weight.append(single_write("cpu", "cpu.weight", str(convert.cpu_weight(cpu["shares"])), "cpu.shares"))
    if cpu.get("idle") is not None:
        weight.append(single_write("cpu", "cpu.idle", str(cpu["idle"]), "cpu.idle"))
    quota, period = cpu.get("quota"), cpu.get("period")
    if quota or period:
        # The file wants a quota before the period, and systemd both: what is not given is what is in force.
        in_force = facts.get("cpu.max", "max").split()
        words = [convert.maximum(quota) if quota else in_force[0], *([str(period)] if period else in_force[1:])]
        name = "cpu.quota" if quota else "cpu.period"
        bandwidth.append(single_write("cpu", "cpu.max", " ".join(words), name))
    if cpu.get("burst") is not None:
        bandwidth.append(single_write("cpu", "cpu.max.burst", str(cpu["burst"]), "cpu.burst"))
    sets = [
        [single_write("cpuset", f"cpuset.{key}", cpu[key], f"cpu.{key}")] for key in ("cpus", "mems") if cpu.get(key)
    ]
    return [weight, bandwidth, *sets]


def _swap_in_force(facts: Facts) -> int:
    """The limit of memory and swap together, 0 for none: a new limit of memory alone leaves it as it is, as on v1."""
    memory, swap = _number(facts.get("memory.max")), _number(facts.get("memory.swap.max"))
    return 0 if memory is None or swap is None else memory + swap


def _number(text: str | None) -> int | None:
    return None if text is None or text.strip() == "max" else int(text)


def _pids(pids: dict[str, Any]) -> list[list[Write]]:
    limit = pids.get("limit")
    return [] if limit is None else [[single_write("pids", "pids.max", pids_max(limit), "pids.limit")]]


def _block_io(block_io: dict[str, Any]) -> list[list[Write]]:
    batches = []
    if block_io.get("leafWeight"):
        raise _lacking("blockIO.leafWeight", block_io["leafWeight"])
    if block_io.get("weight"):
        batches.append([_io_weight("", block_io["weight"], "blockIO.weight")])
    for device in block_io.get("weightDevice") or ():
        if device.get("leafWeight"):
            raise _lacking("blockIO.weightDevice leafWeight", device["leafWeight"])
        if device.get("weight"):
            number = f"{device['major']}:{device['minor']} "
            batches.append([_io_weight(number, device["weight"], "blockIO.weightDevice")])
    for key, word in _THROTTLE:
        for device in block_io.get(key) or ():
            # In v1 a rate of 0 takes the limit away; here 0 is refused and `max` says so.
            value = f"{device['major']}:{device['minor']} {word}={device['rate'] or 'max'}"
            batches.append([single_write("io", "io.max", value, f"blockIO.{key}")])
    return batches


def _io_weight(device: str, weight: int, name: str) -> Write:
    """BFQ's file has the numbers of v1; io.weight (blk-iocost) has its own scale."""
    bfq = f"{device}{weight}"
    cost = f"{device or 'default '}{convert.io_weight(weight)}"
    return Write(controller="io", targets=(("io.bfq.weight", bfq), ("io.weight", cost)), name=name)


def _hugepages(hugepages: list[dict[str, Any]]) -> list[list[Write]]:
    batches = []
    for entry in hugepages:
        size, value = entry["pageSize"], str(entry["limit"])
        name = f"hugepageLimits {size}"
        batches.append([single_write("hugetlb", f"hugetlb.{size}.rsvd.max", value, name, optional=True)])
        batches.append([single_write("hugetlb", f"hugetlb.{size}.max", value, name)])
    return batches


def _network(network: dict[str, Any]) -> list[list[Write]]:
    for key in ("classID", "priorities"):
        if network.get(key):
            raise _lacking(f"network.{key}", network[key])
    return []


def _rdma(devices: dict[str, dict[str, Any]]) -> list[list[Write]]:
    return [[single_write("rdma", "rdma.max", line, "rdma")] for line in rdma_lines(devices)]


_DIGITS_MAX = 20  # of 2^64
# Files that belong to the core and not to a controller. With the others a config could move the host's processes into
# the container.
_CORE_LIMITS = ("cgroup.max.depth", "cgroup.max.descendants", "cgroup.pressure")


def _check_numbers(name: str, line: str) -> None:
    """memparse() and simple_strtoull() of the kernel drop what is above 64 bits: 2^64 bytes would be a limit of 0."""
    for word in line.replace("=", " ").split():
        digits = word.rstrip("KkMmGgTtPpEe")
        if digits.isascii() and digits.isdigit():
            unit = 1 << 10 * ("kmgtpe".index(word[len(digits)].lower()) + 1) if word != digits else 1
            if len(digits) > _DIGITS_MAX or int(digits) * unit >= 1 << 64:
                raise CgroupError(
                    f"{name}: {word[:_DIGITS_MAX]!r} has more than 64 bits, and the kernel drops the rest"
                )


def _unified(files: dict[str, str]) -> list[list[Write]]:
    batches = []
    for file, value in files.items():
        name = f"unified {file!r}"
        controller, dot, _ = file.partition(".")
        if "/" in file or not dot or not controller:
            raise CgroupError(f"{name}: not the name of a file of a cgroup: CONTROLLER.NAME")
        if controller == "cgroup" and file not in _CORE_LIMITS:
            raise CgroupError(f"{name}: it moves, stops or ends processes, or changes the group, and limits nothing")
        if file.endswith(".pressure") and file not in _CORE_LIMITS:
            raise CgroupError(f"{name}: it sets an alarm for the process that keeps the file open, and limits nothing")
        # The kernel reads one line a write where a file has a line for each device.
        for line in value.splitlines() or [""]:
            _check_numbers(name, line)
            batches.append([single_write(controller, file, line.strip(), name)])
    return batches
