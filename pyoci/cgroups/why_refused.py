"""Advice about a limit that the kernel refuses, with the words `invalid argument` for nearly everything.

Loaded only when a write has failed.
"""

from __future__ import annotations

import errno
import posix

from pyoci.cgroups import files

_PAGE_SIZES = "/sys/kernel/mm/hugepages"
_SHOWN = 100
_UNKNOWN = "unknown"

_IN_USE = "{} bytes are in use: give more, or update it when the container needs less"
_BOTH = "memory+swap must not be below memory: swap is the limit of both together"
_QUOTA = "no group has a larger share of its period than the group above, where quota and period are {} and {}"
_SET = "they must be some of those of the group above, {!r}"
_NO_DISK = "this host has no disk with these numbers (lsblk -d shows those that it has); a partition has no limits"
_NOT_BFQ = "only disks whose scheduler is BFQ have a weight (/sys/block/DISK/queue/scheduler)"
_REALTIME = (
    "it is the runtime in each period: at most the period, and, with the groups beside this one, what the group above "
    "has, {} microseconds; give that one more, or leave it out"
)

# beginning of the file's name, errors, words, the files whose content stands in the words
_ADVICE: tuple[tuple[str, tuple[int, ...], str, tuple[str, ...]], ...] = (
    ("memory.limit_in_bytes", (errno.EBUSY,), _IN_USE, ("memory.usage_in_bytes",)),
    ("memory.memsw.limit_in_bytes", (errno.EBUSY,), _IN_USE, ("memory.memsw.usage_in_bytes",)),
    ("memory.limit_in_bytes", (errno.EINVAL,), _BOTH, ()),
    ("memory.memsw.limit_in_bytes", (errno.EINVAL,), _BOTH, ()),
    ("memory.kmem.", (errno.EOPNOTSUPP, 524), "this kernel does not limit kernel memory: leave it out", ()),
    ("memory.use_hierarchy", (errno.EINVAL,), "Linux 5.11 and later takes only true", ()),
    ("cpu.rt_", (errno.EINVAL, errno.EBUSY), _REALTIME, ("../cpu.rt_runtime_us",)),
    ("cpu.cfs_quota_us", (errno.EINVAL,), _QUOTA, ("../cpu.cfs_quota_us", "../cpu.cfs_period_us")),
    ("cpu.cfs_period_us", (errno.EINVAL,), _QUOTA, ("../cpu.cfs_quota_us", "../cpu.cfs_period_us")),
    ("cpu.cfs_burst_us", (errno.EINVAL,), "it must not be larger than the quota, {}", ("cpu.cfs_quota_us",)),
    ("cpu.max.burst", (errno.EINVAL,), "it must not be larger than the quota, in {!r}", ("cpu.max",)),
    ("cpu.shares", (errno.EINVAL,), "an idle group has no shares (its cpu.idle is {})", ("cpu.idle",)),
    ("cpu.weight", (errno.EINVAL,), "an idle group has no weight (its cpu.idle is {})", ("cpu.idle",)),
    ("cpuset.cpus", (errno.EACCES,), _SET, ("../cpuset.effective_cpus", "../cpuset.cpus.effective")),
    ("cpuset.mems", (errno.EACCES,), _SET, ("../cpuset.effective_mems", "../cpuset.mems.effective")),
    ("blkio.bfq.", (errno.EOPNOTSUPP,), _NOT_BFQ, ()),
    ("io.bfq.", (errno.EOPNOTSUPP,), _NOT_BFQ, ()),
    ("blkio.", (errno.ENODEV, errno.EINVAL), _NO_DISK, ()),
    ("io.", (errno.ENODEV,), _NO_DISK, ()),
    ("net_prio.", (errno.ENODEV,), "pyoci's caller has no network device of this name (ip link)", ()),
    ("memory.reclaim", (errno.EAGAIN,), "the group has not so much to give back; it limits nothing: leave it out", ()),
    ("rdma.", (errno.ENODEV,), "this host has no RDMA device of this name (rdma dev)", ()),
)


def advice(path: str, number: int) -> str:
    """Words to add to the refusal of a write to the file `path` of a group, empty for an error that says enough."""
    group, _, name = path.rpartition("/")
    for beginning, errors, words, facts in _ADVICE:
        if "cpu.idle" in facts and _content(f"{group}/cpu.idle") == "0":
            continue
        if name.startswith(beginning) and number in errors:
            return words.format(*_contents(group, facts))
    if number not in (errno.EINVAL, errno.ERANGE) or name.startswith("cpuset."):
        return ""  # host/advice.py knows which CPUs there are
    return f"{name} takes values of another form or size: it has {_content(path)!r} now"


def missing(name: str) -> str:
    """Words to add when this kernel, or its group, has no file `name`."""
    if not name.startswith("hugetlb."):
        return "leave it out"
    try:
        folders = posix.listdir(_PAGE_SIZES)
    except OSError:
        folders = []
    sizes = sorted(_page_size(folder) for folder in folders)
    return f"this host's pages are of {', '.join(sizes)}" if sizes else "leave it out: this host has no such pages"


def _page_size(folder: str) -> str:
    """`hugepages-2048kB` as cgroups and config-linux.md write it: 2MB (mem_fmt in mm/hugetlb_cgroup.c)."""
    kilobytes = int(folder.removeprefix("hugepages-").removesuffix("kB"))
    for unit, size in (("GB", 1 << 20), ("MB", 1 << 10)):
        if kilobytes >= size:
            return f"{kilobytes // size}{unit}"
    return f"{kilobytes}KB"


def _contents(group: str, facts: tuple[str, ...]) -> list[str]:
    """Those of the files that are there come first: v1 and v2 have other names for the same."""
    contents = [_content(f"{group}/{fact}") for fact in facts]
    return sorted(contents, key=lambda text: text == _UNKNOWN)


def _content(path: str) -> str:
    """The content of a file, _UNKNOWN where it is not there."""
    try:
        return files.read_raw(path).strip()[:_SHOWN]
    except OSError:
        return _UNKNOWN
