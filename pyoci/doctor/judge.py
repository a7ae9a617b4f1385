"""From what was seen to what it means. Pure."""

from __future__ import annotations

from pyoci.doctor.model import CALLS, LIMITED, MISSING, NAMESPACES, OK, Check, Host

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


def is_fit(found: list[Check]) -> bool:
    """Whether nothing is missing that a container needs."""
    return not any(check.needed and check.status == MISSING for check in found)


def _kernel(host: Host) -> Iterator[Check]:
    for name in NAMESPACES:
        if name != "user":
            remedy = f"a kernel with {_KERNEL_OPTION[name]}"
            yield _tried(host, "kernel", f"{name} namespace", name, name in _NEEDED_NAMESPACES, remedy)
    for name in CALLS:
        needed, remedy = _CALLS[name]
        yield _tried(host, "kernel", name, name, needed, remedy)


def _tried(host: Host, group: str, name: str, key: str, needed: bool, remedy: str) -> Check:
    error = host.tried[key]
    if not error:
        return Check(group=group, name=name, status=OK, needed=needed, detail="works")
    if host.root and "(EPERM)" in error:
        remedy = _NOT_PERMITTED
    return Check(group=group, name=name, status=MISSING, needed=needed, detail=error, remedy=remedy)


def _user_namespaces(host: Host) -> Iterator[Check]:
    group = "user namespaces"
    needed = not host.root
    error = host.tried["user"]
    switches = [
        (name, value, _SWITCHES[name][1])
        for name, value in host.sysctls.items()
        if name in _SWITCHES and value == _SWITCHES[name][0]
    ]
    if error:
        remedy = (
            "; ".join(words for _, _, words in switches) or "a kernel with CONFIG_USER_NS; none is nested in a chroot"
        )
        yield Check(group=group, name="create", status=MISSING, needed=needed, detail=error, remedy=remedy)
    else:
        yield Check(group=group, name="create", status=OK, needed=needed, detail="works")
    for name, value, words in switches:
        if not error:
            detail = f"is {value}: ordinary users may not, or only by some programs"
            yield Check(group=group, name=name, status=LIMITED, needed=False, detail=detail, remedy=words)
    yield _subordinate_ids(host)


def _subordinate_ids(host: Host) -> Check:
    group, name = "user namespaces", "subordinate IDs"
    lacking = [file for file, count in host.subordinate.items() if count < _SUBORDINATE_IDS]
    tools = [tool for tool in ("newuidmap", "newgidmap") if not host.tools[tool]]
    detail = ", ".join(f"{count} in /etc/{file}" for file, count in host.subordinate.items())
    if host.root:
        return Check(group=group, name=name, status=OK, needed=False, detail="root maps any")
    if lacking or tools:
        remedies = ["apt install uidmap"] if tools else []
        flags = {"subuid": "--add-subuids", "subgid": "--add-subgids"}
        remedies += [f"usermod {flags[file]} 100000-165535 {host.user}" for file in lacking]
        detail += f"; {' and '.join(tools)} not installed" if tools else ""
        detail += ": only the own user can be mapped"
        return Check(group=group, name=name, status=LIMITED, needed=False, detail=detail, remedy="; ".join(remedies))
    return Check(group=group, name=name, status=OK, needed=False, detail=detail)


def _cgroups(host: Host) -> Iterator[Check]:
    group = "cgroups"
    if not host.layout:
        remedy = "mount -t cgroup2 none /sys/fs/cgroup"
        yield Check(group=group, name="layout", status=MISSING, needed=True, detail="none is mounted", remedy=remedy)
        return
    driver = "systemd or files (--systemd-cgroup)" if host.systemd else "files (no systemd here)"
    yield Check(group=group, name="layout", status=OK, needed=True, detail=f"{host.layout}, driver: {driver}")
    if not host.cgroup_error:
        yield Check(group=group, name="make a group", status=OK, needed=host.root, detail="works")
    elif host.root:
        remedy = "mount /sys/fs/cgroup read-write, or run outside of a container"
        yield Check(
            group=group, name="make a group", status=MISSING, needed=True, detail=host.cgroup_error, remedy=remedy
        )
    else:
        remedy = "on cgroup v2, systemd delegates: systemd-run --user --scope -p Delegate=yes pyoci ..."
        detail = f"not delegated to {host.user}: {host.cgroup_error}; containers run without limits"
        yield Check(group=group, name="make a group", status=LIMITED, needed=False, detail=detail, remedy=remedy)
    has = [name for name in _CONTROLLERS if name in host.controllers]
    yield Check(
        group=group, name="controllers", status=OK if has else LIMITED, needed=False, detail=", ".join(has) or "none"
    )
    for name, purpose in _CONTROLLERS.items():
        if name not in host.controllers and name not in _RARE:
            remedy = "Delegate= of user@.service" if host.layout == "v2" and not host.root else f"a kernel with {name}"
            detail = f"not available: no {purpose}"
            yield Check(
                group=group, name=f"{name} controller", status=LIMITED, needed=False, detail=detail, remedy=remedy
            )


def _confinement(host: Host) -> Iterator[Check]:
    group = "confinement"
    lacking = [name for name in _ACTIONS_NEEDED if name not in host.seccomp_actions]
    if lacking:
        yield Check(
            group=group,
            name="seccomp",
            status=MISSING,
            needed=False,
            detail=f"the kernel has no {', '.join(lacking)}",
            remedy="a kernel with CONFIG_SECCOMP_FILTER",
        )
    else:
        yield Check(
            group=group, name="seccomp", status=OK, needed=False, detail=", ".join(host.seccomp_actions).lower()
        )
    major = [name for name in ("apparmor", "selinux", "smack") if name in host.lsm]
    yield Check(
        group=group,
        name="security modules",
        status=OK if major else LIMITED,
        needed=False,
        detail=", ".join(host.lsm) or "none is on",
        remedy="" if major else "boot with lsm=...,apparmor to confine containers by profiles",
    )


def _optional(host: Host) -> Iterator[Check]:
    group = "optional"
    yield Check(
        group=group,
        name="checkpoint and restore",
        status=MISSING if host.criu else OK,
        needed=False,
        detail=host.criu or "CRIU works",
        remedy="apt install criu; criu check tells what the kernel lacks" if host.criu else "",
    )
    yield Check(
        group=group,
        name="resctrl",
        status=OK if host.resctrl == "mounted" else LIMITED if host.resctrl else MISSING,
        needed=False,
        detail=host.resctrl or "not in this kernel, or the CPU has no cache allocation",
        remedy={
            "mounted": "",
            "": "linux.intelRdt needs a CPU with Intel RDT or AMD QoS, and CONFIG_X86_CPU_RESCTRL",
        }.get(host.resctrl, "mount -t resctrl resctrl /sys/fs/resctrl, for linux.intelRdt"),
    )
    if not host.root:
        network = [name for name in ("pasta", "slirp4netns") if host.tools[name]]
        yield Check(
            group=group,
            name="network of an ordinary user",
            status=OK if network and host.tun else LIMITED,
            needed=False,
            detail=(", ".join(network) or "neither pasta nor slirp4netns is installed")
            + ("" if host.tun else "; there is no /dev/net/tun"),
            remedy=("" if network else "apt install passt, for `pyoci try --net`")
            + ("" if host.tun else "; modprobe tun").removeprefix("; " if network else ""),
        )


def _program(host: Host) -> Iterator[Check]:
    group = "program"
    detail = f"{host.version}, {host.program}"
    if host.package_version in ("", host.version):
        yield Check(group=group, name="pyoci", status=OK, needed=True, detail=detail)
    else:
        yield Check(
            group=group,
            name="pyoci",
            status=LIMITED,
            needed=True,
            detail=f"{detail}; the package beside it is {host.package_version}",
            remedy="install both again: pip install --force-reinstall pyoci-runtime",
        )
    for name, error in host.libraries.items():
        needed, remedy = _LIBRARIES[name]
        yield Check(
            group=group,
            name=name,
            status=MISSING if error else OK,
            needed=needed,
            detail=error or "loads",
            remedy=remedy if error else "",
        )
    yield Check(
        group=group,
        name="state folder",
        status=MISSING if host.state_error else OK,
        needed=True,
        detail=f"{host.state_root}: {host.state_error}" if host.state_error else host.state_root,
        remedy="run as root, set XDG_RUNTIME_DIR, or give --root DIR" if host.state_error else "",
    )


def _engines(host: Host) -> Iterator[Check]:
    group = "engines"
    for engine in host.engines:
        if engine.registered and not engine.usable:
            yield Check(
                group=group,
                name=engine.name,
                status=LIMITED,
                needed=False,
                detail=f"{engine.settings} names {engine.registered}, which cannot be executed",
                remedy=f"correct the path there: pyoci is {host.program}",
            )
        elif engine.registered:
            detail = f"has pyoci registered: {engine.registered} in {engine.settings}"
            yield Check(group=group, name=engine.name, status=OK, needed=False, detail=detail)
        else:
            detail = f"{engine.program}; pyoci is not registered"
            remedy = "README, 'In an engine', has the lines"
            yield Check(group=group, name=engine.name, status=LIMITED, needed=False, detail=detail, remedy=remedy)
    if not host.engines:
        yield Check(group=group, name="engines", status=OK, needed=False, detail="none is installed; pyoci needs none")
