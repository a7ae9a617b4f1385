"""The meaning of what `probe` has seen. Pure."""

from __future__ import annotations

from pyoci.doctor.model import CALLS, LIMITED, MISSING, NAMESPACES, Check, Host, check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NEEDED_NAMESPACES = ("mount", "pid", "ipc", "uts", "network")
_KERNEL_OPTION = {
    "mount": "CONFIG_NAMESPACES",
    "pid": "CONFIG_PID_NS",
    "network": "CONFIG_NET_NS",
    "ipc": "CONFIG_IPC_NS",
    "uts": "CONFIG_UTS_NS",
    "cgroup": "CONFIG_CGROUPS, Linux 4.6 or newer",
    "time": "CONFIG_TIME_NS, Linux 5.6 or newer",
}
_NOT_PERMITTED = (
    "root without CAP_SYS_ADMIN cannot make containers: allow the capability to the container or service around this"
)
# What pyoci does without a call: nothing, for those that are needed.
_CALLS = {
    "clone3": (True, "Linux 5.3 or newer; a seccomp filter of a container around this one may deny it (ENOSYS)"),
    "openat2": (True, "Linux 5.6 or newer; a seccomp filter of a container around this one may deny it"),
    "pidfd": (True, "Linux 5.3 or newer"),
    "close_range": (True, "Linux 5.9 or newer"),
    "mount API": (True, "Linux 5.12 or newer (open_tree, fsopen, mount_setattr), and CAP_SYS_ADMIN or user namespaces"),
    "procfs": (
        True,
        "a procfs can be mounted where /proc has nothing mounted over its parts: run outside of a container",
    ),
    "idmapped mounts": (False, "Linux 5.12 or newer, root, and a file system that allows it (tmpfs since 6.3)"),
    "overlay": (False, "modprobe overlay; as an ordinary user Linux 5.11 or newer"),
    "keyring": (False, "CONFIG_KEYS; without it, call create with --no-new-keyring"),
}
_CONTROLLERS = {
    "memory": "limits of memory",
    "cpu": "shares and quotas of CPU time",
    "pids": "limits of processes",
    "cpuset": "pinning to CPUs",
    "io": "limits of disk I/O",
    "freezer": "pause and resume",
    "devices": "rules for devices",
    "hugetlb": "limits of huge pages",
}
_RARE = ("hugetlb",)
_SWITCHES = {
    "user.max_user_namespaces": ("0", "sysctl -w user.max_user_namespaces=15000"),
    "kernel.unprivileged_userns_clone": ("0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    "kernel.apparmor_restrict_unprivileged_userns": (
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for pyoci with `userns`",
    ),
}
_ACTIONS_NEEDED = ("ERRNO", "KILL_THREAD", "ALLOW")
_SUBORDINATE_IDS = 65536
_LIBRARIES = {
    "libseccomp": (False, "apt install libseccomp2: a config with linux.seccomp needs it"),
    "jsonschema": (False, "pip install jsonschema: without it, errors in config.json are not explained"),
    "jeepney": (False, "pip install jeepney: --systemd-cgroup needs it"),
    "pyroute2": (False, "pip install pyroute2: linux.netDevices and `pyoci try --net` need it"),
    "prctl": (False, "pip install python-prctl: --debug needs it"),
    "rich": (False, "pip install rich: `pyoci top` on a terminal needs it"),
    "the standard library": (True, "install the same Python as pyoci was built with, or build pyoci again"),
}


def checks(host: Host) -> list[Check]:
    """All lines of the answer, in groups."""
    return [
        *_kernel(host),
        *_user_namespaces(host),
        *_cgroups(host),
        *_confinement(host),
        *_optional(host),
        *_program(host),
        *_engines(host),
    ]


def is_fit(lines: list[Check]) -> bool:
    """Whether nothing is missing that a container needs."""
    return not any(line.needed and line.status == MISSING for line in lines)


def _kernel(host: Host) -> Iterator[Check]:
    for name in NAMESPACES:
        if name != "user":
            remedy = f"a kernel with {_KERNEL_OPTION[name]}"
            yield _tried(host, f"{name} namespace", name, name in _NEEDED_NAMESPACES, remedy)
    for name in CALLS:
        needed, remedy = _CALLS[name]
        yield _tried(host, name, name, needed, remedy)


def _tried(host: Host, name: str, key: str, needed: bool, remedy: str) -> Check:
    error = host.tried[key]
    if host.root and "(EPERM)" in error:
        remedy = _NOT_PERMITTED
    return check("kernel", name, MISSING if error else "", error or "works", remedy, needed=needed)


def _user_namespaces(host: Host) -> Iterator[Check]:
    group = "user namespaces"
    error = host.tried["user"]
    switches = [
        (name, value, _SWITCHES[name][1])
        for name, value in host.sysctls.items()
        if name in _SWITCHES and value == _SWITCHES[name][0]
    ]
    remedy = "; ".join(words for _, _, words in switches) or "a kernel with CONFIG_USER_NS; none under chroot(2)"
    yield check(group, "create", MISSING if error else "", error or "works", remedy, needed=not host.root)
    for name, value, words in switches:
        if not error:
            yield check(group, name, LIMITED, f"is {value}: it restricts ordinary users", words)
    yield _subordinate_ids(host, group)


def _subordinate_ids(host: Host, group: str) -> Check:
    name = "subordinate IDs"
    if host.root:
        return check(group, name, "", "root may map all")
    lacking = [file for file, count in host.subordinate.items() if count < _SUBORDINATE_IDS]
    tools = [tool for tool in ("newuidmap", "newgidmap") if not host.tools[tool]]
    detail = ", ".join(f"{count} in /etc/{file}" for file, count in host.subordinate.items())
    if not lacking and not tools:
        return check(group, name, "", detail)
    remedies = ["apt install uidmap"] if tools else []
    flags = {"subuid": "--add-subuids", "subgid": "--add-subgids"}
    remedies += [f"usermod {flags[file]} 100000-165535 {host.user}" for file in lacking]
    detail += f"; {' and '.join(tools)} not installed" if tools else ""
    return check(group, name, LIMITED, f"{detail}: only the user's own ID can be mapped", "; ".join(remedies))


def _cgroups(host: Host) -> Iterator[Check]:
    group = "cgroups"
    if not host.layout:
        remedy = "mount -t cgroup2 none /sys/fs/cgroup"
        yield check(group, "layout", MISSING, "none is mounted", remedy, needed=True)
        return
    driver = "systemd (with --systemd-cgroup) or cgroupfs" if host.systemd else "cgroupfs (no systemd here)"
    yield check(group, "layout", "", f"{host.layout}, driver: {driver}", needed=True)
    yield _making_a_group(host, group)
    controllers = [name for name in _CONTROLLERS if name in host.controllers]
    yield check(group, "controllers", "" if controllers else LIMITED, ", ".join(controllers) or "none")
    for name, purpose in _CONTROLLERS.items():
        if name not in host.controllers and name not in _RARE:
            remedy = "Delegate= of user@.service" if host.layout == "v2" and not host.root else f"a kernel with {name}"
            yield check(group, f"{name} controller", LIMITED, f"not available: no {purpose}", remedy)


def _making_a_group(host: Host, group: str) -> Check:
    name, error = "make a group", host.cgroup_error
    if not error:
        return check(group, name, "", "works", needed=host.root)
    if host.root:
        remedy = "mount /sys/fs/cgroup read-write, or run outside of a container"
        return check(group, name, MISSING, error, remedy, needed=True)
    remedy = "on cgroup v2, systemd delegates: systemd-run --user --scope -p Delegate=yes pyoci ..."
    return check(group, name, LIMITED, f"not delegated to {host.user}: {error}; containers run without limits", remedy)


def _confinement(host: Host) -> Iterator[Check]:
    group = "confinement"
    lacking = [name for name in _ACTIONS_NEEDED if name not in host.seccomp_actions]
    detail = f"the kernel has no {', '.join(lacking)}" if lacking else ", ".join(host.seccomp_actions).lower()
    yield check(group, "seccomp", MISSING if lacking else "", detail, "a kernel with CONFIG_SECCOMP_FILTER")
    major = [name for name in ("apparmor", "selinux", "smack") if name in host.lsm]
    remedy = "boot with lsm=...,apparmor to confine containers by profiles"
    yield check(group, "security modules", "" if major else LIMITED, ", ".join(host.lsm) or "none is on", remedy)


def _optional(host: Host) -> Iterator[Check]:
    group = "optional"
    remedy = "apt install criu; criu check reports what the kernel lacks"
    yield check(group, "checkpoint and restore", MISSING if host.criu else "", host.criu or "CRIU works", remedy)
    fault, remedy = {
        "mounted": ("", ""),
        "": (MISSING, "linux.intelRdt needs a CPU with Intel RDT or AMD QoS, and CONFIG_X86_CPU_RESCTRL"),
    }.get(host.resctrl, (LIMITED, "mount -t resctrl resctrl /sys/fs/resctrl, for linux.intelRdt"))
    detail = host.resctrl or "not in this kernel, or the CPU has no cache allocation"
    yield check(group, "resctrl", fault, detail, remedy)
    if not host.root:
        yield _network_of_a_user(host, group)


def _network_of_a_user(host: Host, group: str) -> Check:
    programs = [name for name in ("pasta", "slirp4netns") if host.tools[name]]
    details = [", ".join(programs) or "neither pasta nor slirp4netns is installed"]
    details += [] if host.tun else ["there is no /dev/net/tun"]
    remedies = [] if programs else ["apt install passt, for `pyoci try --net`"]
    remedies += [] if host.tun else ["modprobe tun"]
    fault = LIMITED if remedies else ""
    return check(group, "network of an ordinary user", fault, "; ".join(details), "; ".join(remedies))


def _program(host: Host) -> Iterator[Check]:
    group = "program"
    detail = f"{host.version}, {host.program}"
    differs = host.package_version not in ("", host.version)
    detail += f"; the package beside it is {host.package_version}" if differs else ""
    remedy = "install both again: pip install --force-reinstall pyoci-runtime"
    yield check(group, "pyoci", LIMITED if differs else "", detail, remedy, needed=True)
    for name, error in host.libraries.items():
        needed, remedy = _LIBRARIES[name]
        yield check(group, name, MISSING if error else "", error or "loads", remedy, needed=needed)
    error = host.state_error
    detail = f"{host.state_root}: {error}" if error else host.state_root
    remedy = "run as root, set XDG_RUNTIME_DIR, or give --root DIR"
    yield check(group, "state folder", MISSING if error else "", detail, remedy, needed=True)


def _engines(host: Host) -> Iterator[Check]:
    group = "engines"
    for engine in host.engines:
        if not engine.registered:
            remedy = "README, 'In an engine', has the lines"
            yield check(group, engine.name, LIMITED, f"{engine.program}; pyoci is not registered", remedy)
        elif not engine.usable:
            detail = f"{engine.settings} names {engine.registered}, which cannot be executed"
            yield check(group, engine.name, LIMITED, detail, f"correct the path there: pyoci is {host.program}")
        else:
            yield check(group, engine.name, "", f"has pyoci registered: {engine.registered} in {engine.settings}")
    if not host.engines:
        yield check(group, "engines", "", "none is installed; pyoci needs none")
