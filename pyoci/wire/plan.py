"""The plan: what a config means, as data. `plan.build` makes it, `host` and `init` carry it out.

Fields are builtins and records only, so a plan can be printed, compared in a test and inherited over a fork.
Paths "in the container" are absolute and resolved beneath the rootfs by whoever uses them.
"""

from __future__ import annotations

from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.wire.seccomp import SeccompPlan

# Where a program without a PATH is looked for.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class IdMapping(Record):
    """One line of a uid_map or gid_map: user_namespaces(7)."""

    container_id: int
    host_id: int
    size: int


def on_host(container_id: int, mappings: list[IdMapping]) -> int | None:
    """The host's id behind one of the container; None when it is not mapped."""
    for entry in mappings:
        if entry.container_id <= container_id < entry.container_id + entry.size:
            return entry.host_id + container_id - entry.container_id
    return None


class UserNamespace(Record):
    """A new user namespace's mappings."""

    uid_mappings: list[IdMapping]
    gid_mappings: list[IdMapping]


# How init is made: `Namespaces.birth`.
CLONED = "cloned"  # by the host, into new namespaces
VISITED = "visited"  # by the host, in the namespaces that init joins (host/namespace_visit.py)
BOOTSTRAPPED = "bootstrapped"  # by a process that joins namespaces first (init/bootstrap.py)
UNSEEN = "unseen"  # by a process that has set everything up, outside of the PID namespace that others are in


class Namespaces(Record):
    """`linux.namespaces`: `new` in the order of the config, `joined` as (type, path)."""

    new: list[str]
    joined: list[tuple[str, str]]
    user: UserNamespace | None = None
    time_offsets: list[tuple[str, int, int]]  # (clock, seconds, nanoseconds)
    birth: str = CLONED
    clone_flags: int = 0  # of the namespaces that come into being together with init

    def has(self, kind: str) -> bool:
        """Whether the container has its own, or a joined, namespace of that type."""
        return kind in self.new or any(joined == kind for joined, _ in self.joined)

    def joins(self, kind: str) -> bool:
        return any(joined == kind for joined, _ in self.joined)


class Mount(Record):
    """One entry of `mounts`, its options taken apart.

    `kind`: bind, filesystem, cgroup, remount, or change (propagation of a mount that is there already).
    """

    kind: str
    destination: str
    source: str = ""
    fstype: str = ""
    recursive: bool = False  # rbind
    attributes_set: int = 0  # MOUNT_ATTR_*
    attributes_clear: int = 0
    cleared_by_name: int = 0  # MS_* flags that an option undoes by name: not in a user namespace where they are locked
    read_only_last: bool = False  # a tmpfs with `ro`: mount points and devices are made in it first
    recursive_set: int = 0  # the r* options: mount_setattr(2) with AT_RECURSIVE
    recursive_clear: int = 0
    propagation: tuple[tuple[int, bool], ...] = ()  # (MS_SHARED ..., recursive)
    superblock: tuple[str, ...] = ()  # flags that fsconfig(2) knows by name
    classic_flags: int = 0  # flags that only mount(2) knows
    data: tuple[tuple[str, str | None], ...] = ()
    mode_of_target: bool = False  # a tmpfs without `mode=`: the mode of the folder that it covers
    tmpcopyup: bool = False
    owner_of_target: tuple[bool, bool] = (True, True)  # tmpcopyup: whether uid and gid are those of the covered folder
    changed_later: bool = False  # a later entry changes this mount
    changes: int = -1  # remount, change: index of the entry whose mount it changes; -1: whatever is mounted there
    source_link: str = ""  # a source that is a link: "" follow it, nofollow: mount the link, copy: make the same link
    target_nofollow: bool = False  # mount over a link at the destination instead of where it leads
    idmap: str = ""  # "", idmap or ridmap
    root_label: str = ""  # SELinux context of the root directory, for what takes no `context=`
    idmap_mappings: UserNamespace | None = None  # None with idmap set: the container's user namespace


class Device(Record):
    """A device node: `linux.devices` and the default devices.

    `how`: mknod (in its place), outside (the host makes it, init binds it: for a user namespace, which may not) or bind
    (the host's own node of that path).
    `mode`, `uid` and `gid` are None when the config leaves them out: DEVICE_MODE, 0 and 0 for a new node.
    """

    path: str
    kind: str  # c, b or p
    major: int = 0
    minor: int = 0
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    how: str = "mknod"
    default: bool = False


DEVICE_MODE = 0o666
# The source of a tmpfs that a restore mounts in place of another file system; the index of its mount follows.
PLACEHOLDER = "pyoci:"


class Rootfs(Record):
    """`root` and `linux.rootfsPropagation`. Propagation is given as flags of mount(2), 0: left as it is."""

    path: str
    readonly: bool = False
    propagation: str = ""  # the word of the config without an r: shared, slave, private, unbindable
    host_propagation: int = 0  # of the copies of the host's mounts that the container gets: MS_SLAVE or MS_PRIVATE
    first_propagation: int = 0  # of the rootfs before anything is mounted in it
    last_propagation: int = 0  # of the rootfs when all is in place
    shared_mounts: bool = False  # rshared: every mount that does not say otherwise is shared, too
    pivot: str = "pivot_root"  # pivot_root, move (--no-pivot) or chroot (no own mount namespace)
    set_up_dev: bool = True  # False when /dev is a bind mount: it's somebody else's then


class Capabilities(Record):
    """Bit masks of the five sets; None in the plan leaves the sets of a root process as they come."""

    bounding: int = 0
    effective: int = 0
    inheritable: int = 0
    permitted: int = 0
    ambient: int = 0


class Scheduler(Record):
    policy: int
    flags: int
    nice: int
    priority: int
    runtime: int
    deadline: int
    period: int
    words: str


class Process(Record):
    """`process`: what runs in the end, and as whom."""

    args: list[str]
    env: list[str]
    cwd: str
    uid: int
    gid: int
    umask: int | None = None
    additional_gids: list[int]
    keep_groups: bool = False  # run.oci.keep_original_groups: the caller's stay
    terminal: bool = False
    console_size: tuple[int, int] | None = None  # (height, width)
    capabilities: Capabilities
    rlimits: list[tuple[str, int, int, int]]  # (name, number, soft, hard)
    no_new_privileges: bool = False
    oom_score_adj: int | None = None
    apparmor_profile: str = ""
    selinux_label: str = ""
    scheduler: Scheduler | None = None
    io_priority: tuple[int, int, str] | None = None  # (class, priority, words)
    cpu_affinity: tuple[str, str] | None = None  # execCPUAffinity (initial, final) as numbers with commas: exec only
    seccomp: SeccompPlan | None = None
    preserve_fds: int = 0  # descriptors 3 and up that stay open, LISTEN_FDS included
    keyring: str | None = None  # name of the new session keyring; None: keep the caller's


class MemoryPolicy(Record):
    mode: int
    nodemask: bytes
    words: str


class IntelRdt(Record):
    """`linux.intelRdt`.

    group       of the resctrl file system; empty for its root, the default class of service
    named       whether the config names the group (closID): it may be there before and stays after the container
    schemata    lines, in the order in which they are written
    monitoring  the name of the container's own monitoring group; empty when there is none
    """

    group: str
    named: bool
    schemata: list[str]
    monitoring: str


class ExecPlan(Record):
    """A further process in a running container."""

    process: Process
    namespaces: list[str]  # the types that the container has its own of; the others are the host's
    has_root: bool  # the mount namespace was made for the container: its root is the container's
    personality: int | None = None
    memory_policy: MemoryPolicy | None = None
    pids_limited: bool = False
    is_held: bool = False  # from its birth until it is limited: the container sees it and may be able to trace it
    limits_itself: bool = False  # the process sets its rlimits: prlimit(2) lets the runtime set no other user's
    warnings: list[str]


class Plan(Record):
    """All of it."""

    container_id: str
    bundle: str
    oci_version: str
    annotations: dict[str, str]
    namespaces: Namespaces
    rootfs: Rootfs
    mounts: list[Mount]
    devices: list[Device]
    masked_paths: list[str]
    readonly_paths: list[str]
    sysctl: list[tuple[str, str]]
    hostname: str | None = None
    domainname: str | None = None
    mount_label: str = ""
    personality: int | None = None
    memory_policy: MemoryPolicy | None = None
    net_devices: dict[str, str]  # host name -> name in the container
    process: Process | None = None
    hooks: dict[str, list[dict[str, Any]]]
    cgroups_path: str | None = None
    resources: dict[str, Any] | None = None
    intel_rdt: IntelRdt | None = None
    readiness: bool = False  # whether the folder for the socket of sd_notify(3) is among the mounts
    warnings: list[str]
