"""How the container's /sys/fs/cgroup is made: what the host's side knows and the container's side does."""

from __future__ import annotations

from pyoci.record import Record


class CgroupMount(Record):
    """One cgroup file system that the container gets.

    name        its folder below the destination (`cpu,cpuacct`); empty when it is mounted on the destination
                itself
    host_path   the container's group on the host: what is bound when `CgroupMounts.fresh` is false
    fstype      `cgroup` or `cgroup2`
    options     data for mount(2) of a fresh one: `cpu,cpuacct`, `none,name=systemd`; empty for cgroup2
    """

    name: str
    host_path: str
    fstype: str
    options: str


class CgroupMounts(Record):
    """The parts of a mount of type `cgroup`.

    tmpfs     whether a tmpfs comes first that holds a folder for each entry (v1); otherwise there is one
              entry and it is mounted on the destination itself (v2)
    fresh     mount the file systems again, which in the container's own cgroup namespace shows its group as
              the root; otherwise bind each `host_path`. A kernel that refuses a fresh one (EPERM, EBUSY in a
              user namespace) leaves the bind as the way out.
    entries   the file systems
    links     (name, target) symbolic links in the tmpfs: `cpu` -> `cpu,cpuacct`

    Flags (`ro`, `nosuid` ...) are those of the config's mount, for every entry; with `ro` the tmpfs is
    remounted read-only at the end. No entries: the container has no groups (rootless without permission), and
    the mount is a read-only bind of the host's /sys/fs/cgroup.
    """

    tmpfs: bool
    fresh: bool
    entries: tuple[CgroupMount, ...]
    links: tuple[tuple[str, str], ...] = ()
