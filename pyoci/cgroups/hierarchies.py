"""Which hierarchies are mounted where, and where in them this process is: mountinfo and /proc/self/cgroup
read.

See cgroups(7) and proc_pid_mountinfo(5).
"""

from __future__ import annotations

from pyoci.cgroups import files
from pyoci.errors import CgroupError
from pyoci.kernel.uapi import unescape
from pyoci.record import Record

# Options of a cgroup superblock that are not names of controllers.
_FLAGS = frozenset(("rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "favordynmods", "none", "all"))
_PREFERRED = "/sys/fs/cgroup/"


class Hierarchy(Record):
    """A mounted hierarchy.

    controllers   `cpu,cpuacct`, `memory`, `name=systemd`; empty for a cgroup2
    mount         where
    root          which group of the hierarchy is mounted there: not `/` in a container without cgroup
                  namespace
    """

    controllers: str
    mount: str
    root: str


def mounted() -> list[Hierarchy]:
    """Every hierarchy that this process can reach. Raises CgroupError."""
    return parse_mountinfo(files.read("/proc/self/mountinfo"))


def parse_mountinfo(text: str) -> list[Hierarchy]:
    """The hierarchies of a mountinfo, each once; where one is mounted twice, below /sys/fs/cgroup counts.

    Raises CgroupError for a line in another form than the kernel's.
    """
    hierarchies: dict[str, Hierarchy] = {}
    for line in text.split("\n"):
        # Most lines of a busy host are container's mounts: do not split them.
        if " - cgroup" not in line:
            continue
        before, _, after = line.partition(" - ")
        fstype, _, rest = after.partition(" ")
        if fstype not in ("cgroup", "cgroup2"):
            continue
        fields, source_and_options = before.split(" "), rest.split(" ")
        if len(fields) < 5 or len(source_and_options) < 2:
            raise CgroupError(f"read mountinfo: {line!r} is not in the form of proc_pid_mountinfo(5)")
        controllers = ""
        if fstype == "cgroup":
            options = source_and_options[1].split(",")
            controllers = ",".join(
                option for option in options if option not in _FLAGS and not option.startswith("release_agent=")
            )
        here = Hierarchy(controllers=controllers, mount=unescape(fields[4]), root=unescape(fields[3]))
        known = hierarchies.get(controllers)
        if known is None or (here.mount.startswith(_PREFERRED) and not known.mount.startswith(_PREFERRED)):
            hierarchies[controllers] = here
    return list(hierarchies.values())


def own_groups() -> dict[str, str]:
    """The group of this process in each hierarchy, by the hierarchy's controllers. Raises CgroupError."""
    return parse_proc_cgroup(files.read("/proc/self/cgroup"))


def parse_proc_cgroup(text: str) -> dict[str, str]:
    """`4:memory:/user` as {"memory": "/user"}; the cgroup2 hierarchy has the empty name."""
    groups = {}
    for line in text.split("\n"):
        _, colon, rest = line.partition(":")
        if colon:
            controllers, _, path = rest.partition(":")
            groups[controllers] = path
    return groups


def below_mount(group: str, root: str) -> str:
    """The `group` (of /proc/PID/cgroup) as a path below the mount that shows `root`; empty for its top.

    In a container without a cgroup namespace `group` is the host's path and `root` a part of it. A group
    outside of what is mounted (`/../x` in a cgroup namespace) counts as the top: it is the closest that can
    be reached.
    """
    if group.startswith("/.."):
        return ""
    if root != "/":
        if group != root and not group.startswith(root + "/"):
            return ""
        group = group[len(root) :]
    return group.rstrip("/")
