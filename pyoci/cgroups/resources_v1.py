"""`linux.resources` as values for the files of cgroup v1. Pure.

See Documentation/admin-guide/cgroup-v1 of the kernel. Zero means "not given" where the kernel has no use for
a zero: engines write every number that they were not asked to change as 0 (docker's update does).
"""

from __future__ import annotations

from pyoci.cgroups import ranges
from pyoci.cgroups.writes import Write, pids_max, rdma_lines, single_write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_THROTTLE = (
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"),
)


def plan(resources: dict[str, Any], hugetlb_is_unified: bool = False) -> list[list[Write]]:
    """Batches for `writes.apply`; devices are not in them. Raises CgroupError for impossible values.

    `unified`, and with `hugetlb_is_unified` limits of huge pages, go to the cgroup2 hierarchy of a hybrid layout.
    """
    batches: list[list[Write]] = []
    for section, planned in (
        ("memory", _memory),
        ("cpu", _cpu),
        ("pids", _pids),
        ("blockIO", _block_io),
        ("hugepageLimits", _hugepages),
        ("network", _network),
        ("rdma", _rdma),
    ):
        limits = resources.get(section)
        if limits and not (hugetlb_is_unified and section == "hugepageLimits"):
            batches += [batch for batch in planned(limits) if batch]
    return batches + _in_unified_hierarchy(resources, hugetlb_is_unified)


def _in_unified_hierarchy(resources: dict[str, Any], hugetlb: bool) -> list[list[Write]]:
    sections = ("unified", "hugepageLimits") if hugetlb else ("unified",)
    rest = {key: resources[key] for key in sections if resources.get(key)}
    if not rest:
        return []
    from pyoci.cgroups import resources_v2

    batches = resources_v2.plan(rest, {})
    for batch in batches:
        for item in batch:
            item.unified = True
    return batches


def _memory(memory: dict[str, Any]) -> list[list[Write]]:
    first, limits, single = [], [], []
    if memory.get("useHierarchy") is not None:
        # Before limits; Linux 5.11 and later know only 1.
        value = int(memory["useHierarchy"])
        first.append(single_write("memory", "memory.use_hierarchy", value, "memory.useHierarchy"))
    limit, swap = memory.get("limit"), memory.get("swap")
    if limit:
        limits.append(single_write("memory", "memory.limit_in_bytes", limit, "memory.limit"))
    if swap:
        limits.append(single_write("memory", "memory.memsw.limit_in_bytes", swap, "memory.swap"))
    elif limit == -1:
        # Without a limit of memory there is none of memory and swap together either.
        limits.append(single_write("memory", "memory.memsw.limit_in_bytes", -1, "memory.limit", optional=True))
    for key, file in (
        ("reservation", "memory.soft_limit_in_bytes"),
        ("kernel", "memory.kmem.limit_in_bytes"),
        ("kernelTCP", "memory.kmem.tcp.limit_in_bytes"),
    ):
        if memory.get(key):
            single.append([single_write("memory", file, memory[key], f"memory.{key}")])
    if memory.get("swappiness") is not None:
        single.append([single_write("memory", "memory.swappiness", memory["swappiness"], "memory.swappiness")])
    if memory.get("disableOOMKiller") is not None:
        value = int(memory["disableOOMKiller"])
        single.append([single_write("memory", "memory.oom_control", value, "memory.disableOOMKiller")])
    return [first, limits, *single]


def _cpu(cpu: dict[str, Any]) -> list[list[Write]]:
    realtime, weight, bandwidth = [], [], []
    if cpu.get("realtimePeriod"):
        realtime.append(single_write("cpu", "cpu.rt_period_us", cpu["realtimePeriod"], "cpu.realtimePeriod"))
    if cpu.get("realtimeRuntime"):
        realtime.append(single_write("cpu", "cpu.rt_runtime_us", cpu["realtimeRuntime"], "cpu.realtimeRuntime"))
    if cpu.get("shares"):
        ranges.check_shares(cpu["shares"])
        weight.append(single_write("cpu", "cpu.shares", cpu["shares"], "cpu.shares"))
    if cpu.get("idle") is not None:
        # The kernel refuses shares in an idle group: in one batch, each order is tried.
        weight.append(single_write("cpu", "cpu.idle", cpu["idle"], "cpu.idle"))
    if cpu.get("period"):
        bandwidth.append(single_write("cpu", "cpu.cfs_period_us", cpu["period"], "cpu.period"))
    if cpu.get("quota"):
        bandwidth.append(single_write("cpu", "cpu.cfs_quota_us", cpu["quota"], "cpu.quota"))
    if cpu.get("burst") is not None:
        bandwidth.append(single_write("cpu", "cpu.cfs_burst_us", cpu["burst"], "cpu.burst"))
    sets = [
        [single_write("cpuset", f"cpuset.{key}", cpu[key], f"cpu.{key}")] for key in ("cpus", "mems") if cpu.get(key)
    ]
    return [realtime, weight, bandwidth, *sets]


def _pids(pids: dict[str, Any]) -> list[list[Write]]:
    limit = pids.get("limit")
    return [] if limit is None else [[single_write("pids", "pids.max", pids_max(limit), "pids.limit")]]


def _block_io(block_io: dict[str, Any]) -> list[list[Write]]:
    writes: list[Write] = []
    # Linux 5.0 took CFQ and its files away; BFQ has its own.
    if block_io.get("weight"):
        writes.append(_either(("blkio.weight", "blkio.bfq.weight"), str(block_io["weight"]), "blockIO.weight"))
    if block_io.get("leafWeight"):
        writes.append(single_write("blkio", "blkio.leaf_weight", block_io["leafWeight"], "blockIO.leafWeight"))
    for device in block_io.get("weightDevice") or ():
        number = f"{device['major']}:{device['minor']}"
        if device.get("weight"):
            files = ("blkio.weight_device", "blkio.bfq.weight_device")
            writes.append(_either(files, f"{number} {device['weight']}", "blockIO.weightDevice"))
        if device.get("leafWeight"):
            value = f"{number} {device['leafWeight']}"
            writes.append(single_write("blkio", "blkio.leaf_weight_device", value, "blockIO.weightDevice"))
    for key, file in _THROTTLE:
        for device in block_io.get(key) or ():
            value = f"{device['major']}:{device['minor']} {device['rate']}"
            writes.append(single_write("blkio", file, value, f"blockIO.{key}"))
    return [[item] for item in writes]


def _either(files: tuple[str, ...], value: str, name: str) -> Write:
    return Write(controller="blkio", targets=tuple((file, value) for file in files), name=name)


def _hugepages(hugepages: list[dict[str, Any]]) -> list[list[Write]]:
    writes = []
    for entry in hugepages:
        size, limit, name = entry["pageSize"], entry["limit"], f"hugepageLimits {entry['pageSize']}"
        # Reservations where the kernel accounts them (5.7), and faults always: pages of MAP_NORESERVE.
        writes.append([single_write("hugetlb", f"hugetlb.{size}.rsvd.limit_in_bytes", limit, name, optional=True)])
        writes.append([single_write("hugetlb", f"hugetlb.{size}.limit_in_bytes", limit, name)])
    return writes


def _network(network: dict[str, Any]) -> list[list[Write]]:
    writes = []
    if network.get("classID"):
        writes.append([single_write("net_cls", "net_cls.classid", network["classID"], "network.classID")])
    for entry in network.get("priorities") or ():
        value = f"{entry['name']} {entry['priority']}"
        writes.append([single_write("net_prio", "net_prio.ifpriomap", value, "network.priorities")])
    return writes


def _rdma(devices: dict[str, dict[str, Any]]) -> list[list[Write]]:
    return [[single_write("rdma", "rdma.max", line, "rdma")] for line in rdma_lines(devices)]
