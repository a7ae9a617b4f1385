"""What an update that is refused later writes back, file by file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from pyoci.cgroups import files, former, writes
from pyoci.cgroups.writes import single_write
from pyoci.errors import CgroupError

DISKS = "254:0 rbps=5 wbps=max riops=max wiops=max\n8:0 rbps=max wbps=7 riops=max wiops=max\n"
OOM_CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
# file, what was written, its content before, what is written back
BACK = [
    ("memory.max", "5", "max\n", "max"),
    ("memory.limit_in_bytes", "5", "9223372036854771712\n", "9223372036854771712"),
    ("cpu.max", "5000 10000", "max 100000\n", "max 100000"),
    ("cpu.max", "max", "5000 10000\n", "5000 10000"),
    ("cpuset.cpus", "0", "\n", ""),
    ("cpuset.cpus", "0", "0-3\n", "0-3"),
    ("cpuset.cpus.partition", "root", "member\n", "member"),
    ("cpuset.cpus.partition", "member", "root invalid (Cpu list in cpuset.cpus not exclusive)\n", "root"),
    ("memory.oom_control", "1", OOM_CONTROL, "0"),
    ("memory.oom_control", "0", OOM_CONTROL.replace("disable 0", "disable 1"), "1"),
    ("io.max", "254:0 wiops=9", DISKS, "254:0 rbps=5 wbps=max riops=max wiops=max"),
    ("io.max", "8:0  rbps=9", DISKS, "8:0 rbps=max wbps=7 riops=max wiops=max"),
    ("io.max", "8:16 rbps=9", DISKS, "8:16 rbps=max wbps=max riops=max wiops=max"),
    ("io.max", "8:16 rbps=9", "", "8:16 rbps=max wbps=max riops=max wiops=max"),
    ("io.latency", "8:16 target=9", "", "8:16 target=0"),
    ("io.latency", "8:16 target=9", "8:16 target=5\n", "8:16 target=5"),
    ("io.weight", "default 7", "default 100\n8:0 50\n", "default 100"),
    ("io.weight", "7", "default 100\n8:0 50\n", "default 100"),
    ("io.weight", "8:0 7", "default 100\n8:0 50\n", "8:0 50"),
    ("io.weight", "8:0 7", "default 100\n", "8:0 default"),
    ("io.bfq.weight", "8:0 7", "default 100\n", "8:0 default"),
    ("io.bfq.weight", "7", "100\n", "100"),
    ("blkio.bfq.weight", "7", "100\n", "100"),
    ("blkio.bfq.weight_device", "8:0 7", "", "8:0 default"),
    ("blkio.weight_device", "8:0 7", "8:0 9\n", "8:0 9"),
    *((f"blkio.throttle.{name}_device", "8:0 7", "", "8:0 0") for name in ("read_bps", "read_iops", "write_bps")),
    ("blkio.throttle.write_iops_device", "8:0 7", "8:16 4\n8:0 3\n", "8:0 3"),
    ("net_prio.ifpriomap", "lo 3", "lo 0\neth0 4\n", "lo 0"),
    ("rdma.max", "mlx5_0 hca_handle=2", "mlx4_0 hca_handle=max\nmlx5_0 hca_handle=max\n", "mlx5_0 hca_handle=max"),
    ("rdma.max", "mlx5_0 hca_handle=2", "mlx5_0 hca_handle=max\n", "mlx5_0 hca_handle=max"),
    ("misc.max", "sev 1", "res_a 4\nsev max\n", "sev max"),
    ("memory.nobody.knows", "3", "a\nb\n", None),
]


@pytest.mark.parametrize(("name", "written", "before", "back"), BACK)
def test_what_puts_a_file_back(name: str, written: str, before: str, back: str | None) -> None:
    assert former.line(name, written, before) == back


@pytest.mark.parametrize("restore", [False, True])
def test_a_file_that_can_only_be_written_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restore: bool
) -> None:
    """The kernel lets nobody read memory.reclaim, root neither."""
    place = tmp_path / "memory.reclaim"
    place.write_text("")

    def refuse(path: str, *_words: object) -> str:
        raise PermissionError(errno.EACCES, "", path)

    monkeypatch.setattr(files, "read_raw", refuse)
    assert writes.apply([[single_write("memory", place.name, "1M", "x")]], lambda _: str(tmp_path), restore) == []
    assert place.read_text() == "1M"


def test_a_file_that_was_empty_is_so_again(tmp_path: Path) -> None:
    (tmp_path / "cpuset.cpus").write_text("\n")
    asked = [[single_write("cpuset", "cpuset.cpus", "0", "x")], [single_write("cpuset", "missing", "0", "x")]]
    with pytest.raises(CgroupError, match="missing"):
        writes.apply(asked, lambda _: str(tmp_path), restore=True)
    assert (tmp_path / "cpuset.cpus").read_text()[0] == "\n"


def test_the_weight_of_a_group_that_was_made_idle_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel forgets it (sched_group_set_idle)."""
    for name, value in {"cpu.idle": "0", "cpu.weight": "30"}.items():
        (tmp_path / name).write_text(value)

    def write(path: str, text: str) -> None:
        Path(path).write_text(text)
        if path.endswith("cpu.idle"):
            (tmp_path / "cpu.weight").write_text("100" if text == "0" else "0")

    monkeypatch.setattr(files, "write_raw", write)
    asked = [[single_write("cpu", "cpu.idle", "1", "x")], [single_write("cpu", "missing", "0", "x")]]
    with pytest.raises(CgroupError, match="missing"):
        writes.apply(asked, lambda _: str(tmp_path), restore=True)
    assert {name: (tmp_path / name).read_text() for name in ("cpu.idle", "cpu.weight")} == {
        "cpu.idle": "0",
        "cpu.weight": "30",
    }


@pytest.mark.parametrize(("takes_none", "left"), [(True, ""), (False, "0-3")])
def test_cpus_that_a_group_did_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes_none: bool, left: str
) -> None:
    """Linux 6.1 refuses to take the last from a group with processes; those of the group above are as good."""
    for name, text in {"cpuset.cpus": "\n", "cpuset.cpus.effective": "0-3\n"}.items():
        (tmp_path / name).write_text(text)

    def write(path: str, text: str) -> None:
        if not text and not takes_none:
            raise OSError(errno.ENOSPC, "")
        Path(path).write_text(text)

    monkeypatch.setattr(files, "write_raw", write)
    asked = [[single_write("cpuset", "cpuset.cpus", "0", "x")], [single_write("cpuset", "missing", "0", "x")]]
    with pytest.raises(CgroupError, match="missing"):
        writes.apply(asked, lambda _: str(tmp_path), restore=True)
    assert (tmp_path / "cpuset.cpus").read_text() == left
