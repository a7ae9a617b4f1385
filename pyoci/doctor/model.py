"""The data of `doctor`."""

from __future__ import annotations

from pyoci.record import Record

OK, LIMITED, MISSING = "ok", "limited", "missing"

# Mechanisms that are tried; the value in `Host.tried` is empty for what works, else the reason why it does not.
NAMESPACES = ("mount", "pid", "network", "ipc", "uts", "cgroup", "user", "time")
CALLS = ("clone3", "openat2", "pidfd", "close_range", "mount API", "idmapped mounts", "overlay", "procfs", "keyring")


class Engine(Record):
    """An engine that is installed. `registered` is the path of pyoci in its settings, empty when there is none."""

    name: str
    program: str
    registered: str = ""
    settings: str = ""
    usable: bool = True  # whether that path can be executed


class Host(Record):
    """The facts of the host.

    tried            mechanism -> why it does not work; empty when it does
    layout           v1, v2, hybrid, or empty without cgroups
    controllers      those that a container's cgroup can have
    cgroup_error     why no group can be made where containers get theirs; empty when one was made and removed
    systemd          whether systemd is the init process
    subordinate      subuid and subgid -> how many ids the user has in /etc/subuid and /etc/subgid
    tools            program -> whether it is in PATH
    tun              whether there is /dev/net/tun
    sysctls          name -> value, of those that switch user namespaces off
    libraries        what the program loads when it needs it -> why it cannot; empty when it can
    lsm              security modules of the kernel that are on
    seccomp_actions  what the kernel can do with a filtered call
    versions         of the program, and of the package beside it
    """

    kernel: str
    machine: str
    user: str
    root: bool
    tried: dict[str, str]
    layout: str
    controllers: tuple[str, ...]
    cgroup_error: str
    systemd: bool
    subordinate: dict[str, int]
    tools: dict[str, bool]
    tun: bool
    sysctls: dict[str, str]
    libraries: dict[str, str]
    lsm: tuple[str, ...]
    seccomp_actions: tuple[str, ...]
    resctrl: str  # "", "in the kernel" or "mounted"
    criu: str  # why CRIU cannot be used; empty when it can
    state_root: str
    state_error: str
    program: str
    version: str
    package_version: str  # empty without a package beside the program
    engines: tuple[Engine, ...]


class Check(Record):
    """One line of the answer.

    group, name  what was looked at
    status       ok, limited or missing
    needed       whether a container cannot do without
    detail       what was seen
    remedy       how to mend it; empty when it is ok
    """

    group: str
    name: str
    status: str
    needed: bool
    detail: str
    remedy: str = ""


def check(group: str, name: str, fault: str, detail: str, remedy: str = "", *, needed: bool = False) -> Check:
    """A line that is ok without `fault`, else limited or missing with its remedy."""
    return Check(
        group=group, name=name, status=fault or OK, needed=needed, detail=detail, remedy=remedy if fault else ""
    )
