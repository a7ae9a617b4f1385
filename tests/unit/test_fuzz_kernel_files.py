"""Hostile text where the kernel's is expected: mountinfo, /proc/PID/cgroup, /proc/PID/stat, cgroup files.

The kernel writes them, but names in them are chosen by others: mount points, groups, the name of a process.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import fuzz
from hypothesis import given
from hypothesis import strategies as st

from pyoci.cgroups import devices, hierarchies, stats_v1, stats_v2
from pyoci.errors import PyociError
from pyoci.kernel import proc_stat

MOUNTINFO = (
    rb"30 24 0:26 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw,mode=755"
    b"\n"
    rb"31 30 0:27 /docker/x /sys/fs/cgroup/memory\0401 rw shared:9 - cgroup cgroup rw,memory"
    b"\n"
    rb"32 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
    b"\n"
    rb"33 30 0:29 /.. /sys/fs/cgroup/systemd rw - cgroup none rw,name=systemd,release_agent=/x y"
    b"\n"
)
PIECES = [b" - cgroup ", b" - cgroup2", b" - ", b"\n", b" ", b"\\040", b"\\134", b"\\012", b"\\", b"\xff", b"\0"]


@fuzz.budget(400)
@given(fuzz.spoilt(MOUNTINFO, PIECES))
def test_mountinfo(data: bytes) -> None:
    try:
        found = hierarchies.parse_mountinfo(data.decode("ascii", "surrogateescape"))
    except PyociError as error:
        assert str(error)
        return
    for hierarchy in found:
        assert hierarchies.below_mount("/x", hierarchy.root) in ("", "/x") or hierarchy.root != "/"


@given(st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name))
@fuzz.budget(200)
def test_a_mount_point_of_any_name_hides_nothing(name: bytes) -> None:
    """Escaped as fs/proc_namespace.c does (mangle): whoever mounts cannot make up a hierarchy."""
    for character in b"\\ \t\n#":
        name = name.replace(bytes([character]), b"\\%03o" % character if character != 92 else b"\\134")
    line = b"99 24 0:50 / /" + name + b" rw - tmpfs " + name + b" rw\n"
    text = (MOUNTINFO + line).decode("ascii", "surrogateescape")
    assert hierarchies.parse_mountinfo(text) == hierarchies.parse_mountinfo(MOUNTINFO.decode())


@fuzz.budget(200)
@given(fuzz.spoilt(b"4:memory:/user\n2:name=systemd:/a:b\n0::/x\n", [b":", b"\n", b"/..", b"\xff"]))
def test_groups_of_a_process(data: bytes) -> None:
    found = hierarchies.parse_proc_cgroup(data.decode("ascii", "surrogateescape"))
    for path in found.values():
        assert not hierarchies.below_mount(path, "/").startswith("/..")


class Named:
    """A child that takes the name it is told: a process can rename only itself."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self._ours.close()
            while name := theirs.recv(100):
                Path("/proc/self/comm").write_bytes(name)
                theirs.send(b"done")
            os._exit(0)
        theirs.close()

    def rename(self, name: bytes) -> None:
        self._ours.send(name)
        self._ours.recv(10)

    def close(self) -> None:
        self._ours.close()
        os.waitpid(self.pid, 0)


@pytest.fixture(scope="module")
def named() -> Iterator[Named]:
    child = Named()
    yield child
    child.close()


NAMES = [b")", b") R 1", b"(a) Z (b)", b") Z 1 1 1 1 1 1", b"\n", b"\xff\xfe", b"1 2 3 4 5 6 7 8", b") ) ) )"]


def test_stat_with_a_hostile_name(named: Named) -> None:
    expected = proc_stat.start_time(named.pid)

    @fuzz.budget(150)
    @given(st.one_of(st.sampled_from(NAMES), st.binary(min_size=1, max_size=15).filter(lambda name: b"\0" not in name)))
    def same(name: bytes) -> None:
        named.rename(name)
        found = proc_stat.stat(named.pid)
        assert found is not None
        assert found[1] == expected
        assert found[0] in "RSD"

    same()


NUMBER_FILES = st.one_of(
    st.sampled_from(["max", "0", "-1", "9" * 5000, "9223372036854771712", "", "\n", "1 2", "0-3,7", "²", "nan", "0-"]),
    st.text(max_size=10),
)
ROW_WORDS = "8:0 Read some full avg10=0.00 total=1 x= = rbytes=1 1 : -1 Total max 1: :1 a:b ²".split()
ROW = st.lists(st.sampled_from(ROW_WORDS), max_size=5).map(" ".join)
TABLES = st.lists(ROW, max_size=4).map("\n".join)


def _files() -> list[str]:
    names = [file for _, file in stats_v1._CPUSET]
    names += [f"blkio.{name}" for _, every in stats_v1._BLKIO for name in every]
    names += "pids.current pids.max cpuacct.stat cpuacct.usage cpuacct.usage_percpu cpuacct.usage_all cpu.stat".split()
    names += "cpuset.cpus cpuset.mems memory.stat memory.limit_in_bytes memory.usage_in_bytes memory.failcnt".split()
    names += "memory.current memory.max memory.swap.current memory.swap.max memory.events io.stat cpu.pressure".split()
    names += "memory.pressure io.pressure cpuset.cpus.effective memory.peak memory.swap.peak".split()
    return names


def test_cgroup_files(tmp_path: Path) -> None:
    @fuzz.budget(250)
    @given(st.dictionaries(st.sampled_from(_files()), st.one_of(NUMBER_FILES, TABLES), min_size=1, max_size=6))
    def clean(content: dict[str, str]) -> None:
        for old in tmp_path.iterdir():
            old.unlink()
        for name, text in content.items():
            (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
        place = str(tmp_path)
        reads: list[Callable[[], object]] = [lambda: stats_v1.collect(lambda _: place), lambda: stats_v2.collect(place)]
        for read in reads:
            try:
                read()
            except PyociError as error:
                assert str(error)

    clean()


@fuzz.budget(200)
@given(fuzz.spoilt(b"c 1:3 rwm\nb *:* m\na *:* rwm\n", [b"*", b":", b" ", b"\n", b"a", b"-1", b"\xc2\xb2"]))
def test_device_list(data: bytes) -> None:
    try:
        devices.parse_list(data.decode("ascii", "surrogateescape"))
    except PyociError as error:
        assert str(error)
