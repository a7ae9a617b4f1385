"""A refused limit says what the kernel takes: it says `invalid argument` for nearly everything itself."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from pyoci.cgroups import files, why_refused, writes
from pyoci.cgroups.writes import single_write
from pyoci.errors import CgroupError

NO_DISK = "this host has no disk with these numbers"
KERNEL_ENOTSUPP = 524  # errno.h of the kernel; libc has no word for it
# file, error, what other files of the group (or of the one above) have, the words
TABLE = [
    ("memory.limit_in_bytes", errno.EBUSY, {"memory.usage_in_bytes": "4096"}, "4096 bytes are in use"),
    ("memory.memsw.limit_in_bytes", errno.EBUSY, {"memory.memsw.usage_in_bytes": "8"}, "8 bytes are in use"),
    ("memory.limit_in_bytes", errno.EINVAL, {}, "memory+swap must not be below memory"),
    ("memory.memsw.limit_in_bytes", errno.EINVAL, {}, "memory+swap must not be below memory"),
    ("memory.kmem.limit_in_bytes", KERNEL_ENOTSUPP, {}, "does not limit kernel memory: leave it out"),
    ("memory.use_hierarchy", errno.EINVAL, {}, "Linux 5.11 and later takes only true"),
    ("memory.oom_control", errno.EINVAL, {"memory.oom_control": "1"}, "it has '1' now"),
    ("cpu.rt_runtime_us", errno.EINVAL, {"../cpu.rt_runtime_us": "0"}, "the group above has, 0 microseconds"),
    ("cpu.rt_period_us", errno.EINVAL, {"../cpu.rt_runtime_us": "7"}, "the group above has, 7 microseconds"),
    ("cpu.cfs_quota_us", errno.EINVAL, {"../cpu.cfs_quota_us": "5", "../cpu.cfs_period_us": "9"}, "are 5 and 9"),
    ("cpu.cfs_period_us", errno.EINVAL, {"../cpu.cfs_quota_us": "5", "../cpu.cfs_period_us": "9"}, "are 5 and 9"),
    ("cpu.cfs_burst_us", errno.EINVAL, {"cpu.cfs_quota_us": "500"}, "larger than the quota, 500"),
    ("cpu.max.burst", errno.EINVAL, {"cpu.max": "500 1000"}, "larger than the quota, in '500 1000'"),
    ("cpu.shares", errno.EINVAL, {"cpu.idle": "1"}, "its cpu.idle is 1"),
    ("cpu.weight", errno.EINVAL, {"cpu.idle": "1"}, "its cpu.idle is 1"),
    ("cpu.weight", errno.EINVAL, {"cpu.idle": "0", "cpu.weight": "100"}, "cpu.weight takes values of another form"),
    ("memory.reclaim", errno.EAGAIN, {}, "it limits nothing: leave it out"),
    ("cpuset.cpus", errno.EACCES, {"../cpuset.effective_cpus": "0-1"}, "those of the group above, '0-1'"),
    ("cpuset.mems", errno.EACCES, {"../cpuset.mems.effective": "0"}, "those of the group above, '0'"),
    ("blkio.throttle.read_bps_device", errno.ENODEV, {}, NO_DISK),
    ("blkio.bfq.weight_device", errno.EOPNOTSUPP, {}, "whose scheduler is BFQ"),
    ("io.bfq.weight", errno.EOPNOTSUPP, {}, "whose scheduler is BFQ"),
    ("io.max", errno.ENODEV, {}, NO_DISK),
    ("net_prio.ifpriomap", errno.ENODEV, {}, "no network device of this name"),
    ("rdma.max", errno.ENODEV, {}, "no RDMA device of this name"),
    ("memory.high", errno.EINVAL, {"memory.high": "max"}, "memory.high takes values of another form or size"),
    ("cgroup.max.depth", errno.ERANGE, {}, "it has 'unknown' now"),
]


@pytest.mark.parametrize(("file", "number", "facts", "words"), TABLE)
def test_a_refusal_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, number: int, facts: dict[str, str], words: str
) -> None:
    group = tmp_path / "above/group"
    group.mkdir(parents=True)
    for name, content in facts.items():
        (group / name).write_text(f"{content}\n")

    def refuse(*_: str) -> None:
        raise OSError(number, "")

    monkeypatch.setattr(files, "write_raw", refuse)
    with pytest.raises(CgroupError) as raised:
        writes.apply([[single_write("any", file, "5", "place")]], lambda _: str(group))
    text = str(raised.value)
    assert text.startswith(f"place: write '5' to {group}/{file}: ")
    assert words in text.partition("; ")[2]


def test_every_row_of_advice_has_one_here() -> None:
    for beginning, errors, *_ in why_refused._ADVICE:
        for number in errors[:1]:
            assert any(file.startswith(beginning) and number == tried for file, tried, *_ in TABLE) or (
                beginning == "memory.kmem."
            ), beginning


def test_an_error_that_says_enough_has_no_more() -> None:
    assert why_refused.advice("/x/pids.max", errno.EACCES) == ""
    assert why_refused.advice("/x/cpuset.cpus", errno.EINVAL) == ""  # host/advice.py


def test_a_page_size_that_is_missing_is_told_with_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(why_refused, "_PAGE_SIZES", str(tmp_path))
    assert why_refused.missing("hugetlb.3MB.max") == "leave it out: this host has no such pages"
    for size in (2048, 1048576, 64):
        (tmp_path / f"hugepages-{size}kB").mkdir()
    assert why_refused.missing("hugetlb.3MB.max") == "this host's pages are of 1GB, 2MB, 64KB"
    assert why_refused.missing("io.weight") == "leave it out"
