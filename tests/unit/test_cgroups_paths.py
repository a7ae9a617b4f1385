"""linux.cgroupsPath, and where a container's groups come to lie."""

from __future__ import annotations

import pytest

from pyoci import cgroups
from pyoci.cgroups import hierarchies
from pyoci.errors import CgroupError, UnsupportedError

HYBRID = """\
23 1 0:22 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
90 23 0:32 /a /var/lib/c/rootfs/sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
91 23 0:50 / /mnt/x\\040y rw - cgroup cgroup rw,pids
92 23 0:51 / /mnt/cgroupish rw - fuse.cgroup x rw
"""


def test_hierarchies_are_known_by_their_controllers_and_flags_are_no_controllers() -> None:
    found = {entry.controllers: entry.mount for entry in hierarchies.parse_mountinfo(HYBRID)}
    assert found == {
        "cpu,cpuacct": "/sys/fs/cgroup/cpu,cpuacct",
        "memory": "/sys/fs/cgroup/memory",
        "name=systemd": "/sys/fs/cgroup/systemd",
        "": "/sys/fs/cgroup/unified",
        "pids": "/mnt/x y",
    }


def test_the_mount_below_sys_fs_cgroup_counts_even_when_another_comes_first() -> None:
    lines = HYBRID.splitlines()
    swapped = "\n".join([lines[6], *lines[:6]])
    found = {entry.controllers: entry for entry in hierarchies.parse_mountinfo(swapped)}
    assert (found["memory"].mount, found["memory"].root) == ("/sys/fs/cgroup/memory", "/")


def test_own_groups_by_controllers_with_colons_in_a_path() -> None:
    text = "4:memory:/user:1/x\n1:name=systemd:/\n0::/init.scope\n"
    assert hierarchies.parse_proc_cgroup(text) == {
        "memory": "/user:1/x",
        "name=systemd": "/",
        "": "/init.scope",
    }


@pytest.mark.parametrize(
    ("own", "root", "below"),
    [
        ("/", "/", ""),
        ("/user/x", "/", "/user/x"),
        ("/docker/c1", "/docker/c1", ""),  # a container without cgroup namespace sees the host's path
        ("/docker/c1/sub", "/docker/c1", "/sub"),
        ("/docker/c10", "/docker/c1", ""),  # not below it, only its name begins alike
        ("/../other", "/", ""),  # outside of the cgroup namespace
    ],
)
def test_own_group_below_what_is_mounted(own: str, root: str, below: str) -> None:
    assert hierarchies.below_mount(own, root) == below


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        ("", None),
        ("/a/b", "/a/b"),
        ("a/b", "a/b"),
        ("//a/./b/", "/a/b"),
        ("/a..b/...", "/a..b/..."),
    ],
)
def test_a_path_loses_its_empty_parts(given: str | None, kept: str | None) -> None:
    assert cgroups._checked(given) == kept


@pytest.mark.parametrize("broken", ["/a/../b", "..", "a/..", "/", "//", ".", "/a\nb", "/a\0b", "/" + "x" * 256])
def test_a_broken_path_is_refused_with_its_value(broken: str) -> None:
    with pytest.raises(CgroupError, match=r"^/linux/cgroupsPath: '"):
        cgroups._checked(broken)


def test_a_state_that_nobody_saved_is_refused() -> None:
    for saved in ({"layout": "v1"}, {"layout": "v2"}, {"x": 1}, {"systemd": 3}):
        with pytest.raises(CgroupError, match="not what was saved"):
            cgroups.reopen(saved)


def test_a_container_without_groups_has_no_processes_to_name_and_nothing_to_remove() -> None:
    group = cgroups.reopen({})
    assert group.save() == {}
    assert group.pids() == []
    assert not group.is_frozen()
    assert group.clone_fd() == -1
    group.add(1)
    assert group.destroy(cgroups.ALL) == ""
    with pytest.raises(UnsupportedError, match=r"freeze: it was made without a cgroup; make it again"):
        group.freeze(True)
