"""Unsafe and surprising things in a bundle. Pure: each rule yields (rule's name, JSON pointer, value) of what it finds.

The level, the message and the reason of a rule stand in RULES, so that a person can read all of them in one place.
"""

from __future__ import annotations

from pyoci.explain import calls
from pyoci.explain.model import LEVELS, Finding
from pyoci.kernel import uapi
from pyoci.plan import capabilities
from pyoci.spec.template import MASKED, READ_ONLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyoci.wire.plan import Mount, Plan

    Config = dict[str, Any]
    Found = tuple[str, str, str]

# rule -> (level, message, reason); {} in the message is the value.
RULES = {
    "host-root-bind": (
        "high",
        "the host's root file system is shown at {}",
        "every file of the host can be read there, and written unless the mount is read-only",
    ),
    "engine-socket-bind": (
        "high",
        "an engine's socket is shown: {}",
        "a process that talks to the engine can start a container with all rights on the host",
    ),
    "host-system-bind": (
        "high",
        "a folder of the host's system is shown and can be written: {}",
        "a program or a setting changed there is run or read by the host's root",
    ),
    "host-system-bind-read-only": (
        "medium",
        "a folder of the host's system is shown: {}",
        "it holds the host's keys, password hashes or settings",
    ),
    "host-kernel-bind": (
        "high",
        "the host's {} is shown",
        "it reaches the host's kernel, devices or processes past the masked and read-only paths",
    ),
    "shared-mount": (
        "medium",
        "mounts made below {} show up on the host",
        "a shared mount spreads what the container mounts there to the host's mount namespace",
    ),
    "shared-root": (
        "medium",
        "mounts made in the container show up on the host (rootfsPropagation {})",
        "a shared root spreads what the container mounts to the host's mount namespace",
    ),
    "capability": (
        "high",
        "{} without a user namespace",
        "",  # CAPABILITY_REASONS
    ),
    "host-root-user": (
        "low",
        "user 0 inside is user 0 on the host",
        "without a user namespace only the other layers stand between the program and the host's root",
    ),
    "host-mount-namespace": (
        "high",
        "no mount namespace: the container's mounts are made on the host",
        "they stay after the container, and the container can change the host's",
    ),
    "host-pid-namespace": (
        "medium",
        "no PID namespace: all processes of the host are seen",
        "those of the same user can be signalled, and with CAP_SYS_PTRACE traced",
    ),
    "host-network-namespace": (
        "medium",
        "no network namespace: the host's network is used",
        "services bound to the host's loopback address and abstract sockets can be reached",
    ),
    "host-ipc-namespace": (
        "medium",
        "no IPC namespace: the host's shared memory and message queues are used",
        "other programs' memory can be read and written",
    ),
    "host-uts-namespace": (
        "low",
        "no UTS namespace: the host name is the host's",
        "with CAP_SYS_ADMIN it can be changed for the host",
    ),
    "host-cgroup-namespace": (
        "low",
        "no cgroup namespace: /proc/self/cgroup shows the host's paths",
        "it shows which engine and which neighbours there are",
    ),
    "joined-host-namespace": (
        "medium",
        "it joins the namespace {}, which is the host's first process's",
        "it is the same as no namespace of that type",
    ),
    "writable-cgroup": (
        "medium",
        "the cgroup tree at {} can be written",
        "limits can be changed from inside, and on cgroup v1 release_agent runs a program on the host (CVE-2022-0492)",
    ),
    "writable-sysfs": (
        "high",
        "sysfs at {} can be written, and there is no user namespace",
        "it sets parameters of the host's kernel and hardware, and uevent_helper runs a program on the host",
    ),
    "no-seccomp": (
        "medium",
        "no system call filter",
        "every system call of the kernel can be tried, those of rarely used and rarely tested parts included",
    ),
    "seccomp-allows": (
        "low",
        "the system call filter lets the container {}",
        "containers rarely need it, and it has been part of escapes",
    ),
    "no-new-privileges-missing": (
        "medium",
        "set-user-ID programs give new rights",
        "a program in the root file system can raise its rights up to the bounding set; set noNewPrivileges",
    ),
    "unmasked": (
        "medium",
        "not masked: {}",
        "it shows the host's kernel, keys and hardware",
    ),
    "not-read-only": (
        "medium",
        "not read-only: {}",
        "it sets the host's kernel or hardware, for all containers",
    ),
    "all-devices": (
        "high",
        "all devices are allowed ({})",
        "a device node for the host's disk gives all its files; only CAP_MKNOD or a bind stands before that",
    ),
    "block-device": (
        "high",
        "the block device {} is given to the container",
        "what is on it can be read and written past the file system's permissions",
    ),
    "memory-device": (
        "high",
        "the host's memory is given to the container: {}",
        "it reads and changes the kernel itself",
    ),
    "host-hook": (
        "low",
        "{} is run on the host",
        "a hook has the rights of the caller of the runtime, outside of the container",
    ),
    "no-memory-limit": (
        "low",
        "no limit of memory",
        "the container can use all of the host's, until the host kills processes",
    ),
    "no-pids-limit": (
        "low",
        "no limit of processes",
        "a fork bomb inside exhausts the host's process numbers",
    ),
    "spared-by-oom": (
        "low",
        "its processes are spared when memory runs out (oomScoreAdj {})",
        "the host's programs are killed before them",
    ),
    "advice": ("low", "{}", "the runtime warns of it at create"),
}

# What each capability gives to root of the initial user namespace (capabilities(7)).
CAPABILITY_REASONS = {
    "CAP_SYS_ADMIN": "it mounts, changes namespaces and sets up devices: with it a container can become the host",
    "CAP_SYS_MODULE": "it loads code into the host's kernel",
    "CAP_SYS_PTRACE": "it reads and changes other processes' memory, the host's too where it sees them",
    "CAP_SYS_RAWIO": "it uses I/O ports and raw devices of the host",
    "CAP_SYS_BOOT": "it restarts the host, or loads another kernel",
    "CAP_DAC_READ_SEARCH": "open_by_handle_at(2) opens any file of a file system that is shared with the host",
    "CAP_MAC_ADMIN": "it changes the host's AppArmor, SELinux or Smack policy",
    "CAP_BPF": "it loads programs into the host's kernel",
    "CAP_PERFMON": "it observes all of the host's kernel",
    "CAP_SYSLOG": "it reads kernel addresses and the host's kernel log",
}

_SOCKETS = ("docker.sock", "containerd.sock", "crio.sock", "podman.sock", "cri-dockerd.sock", "buildkitd.sock")
_SOCKET_FOLDERS = ("/run", "/var/run", "/run/containerd", "/run/podman", "/run/crio", "/run/docker")
_SYSTEM = ("/bin", "/boot", "/etc", "/lib", "/lib64", "/opt", "/root", "/sbin", "/usr", "/var", "/home")
_SECRET = ("/etc", "/root", "/boot", "/var", "/home")
_KERNEL = ("/proc", "/sys", "/dev")
_NAMESPACES = ("mount", "pid", "network", "ipc", "uts", "cgroup")
# Groups of calls.GROUPS that the usual profiles of engines deny.
_UNUSUAL_CALLS = (
    "mount file systems",
    "make or join namespaces",
    "load kernel modules",
    "replace or restart the kernel",
    "load BPF programs",
    "measure the kernel's performance",
    "handle page faults in user space",
    "use the kernel's keyrings",
    "queue calls past the filter (io_uring)",
)
_MEMORY_DEVICES = {(1, 1): "/dev/mem", (1, 2): "/dev/kmem", (1, 4): "/dev/port"}


def findings(config: Config, plan: Plan, warnings: list[str]) -> list[Finding]:
    """Everything found, the worst first; `warnings` are those of the rules and of the plan."""
    everything = [made(*parts) for find in _FINDERS for parts in find(plan)]
    everything += [made(*parts) for parts in _joined_namespaces(config)]
    for line in warnings:
        pointer, colon, text = line.partition(": ")
        everything.append(made("advice", pointer if colon else "", text or line))
    # stable: of a level, in the order of the rules
    return sorted(everything, key=lambda finding: -LEVELS.index(finding.level))


def made(rule: str, pointer: str, value: str) -> Finding:
    """A finding with its words."""
    level, message, reason = RULES[rule]
    return Finding(
        rule=rule,
        level=level,
        pointer=pointer,
        message=message.replace("{}", value),
        reason=reason or CAPABILITY_REASONS[value],
    )


def _binds(plan: Plan) -> Iterator[Found]:
    for index, mount in enumerate(plan.mounts):
        if mount.kind != "bind":
            continue
        pointer = f"/mounts/{index}"
        source = "/" + "/".join(part for part in mount.source.split("/") if part not in ("", "."))
        writable = not (mount.attributes_set | mount.recursive_set) & uapi.MOUNT_ATTR_RDONLY
        if source == "/":
            yield "host-root-bind", pointer, mount.destination
        elif source.rpartition("/")[2] in _SOCKETS or source in _SOCKET_FOLDERS:
            yield "engine-socket-bind", pointer, source
        elif _below(source, _KERNEL):
            # sysfs read-only is what a rootless container has: only root of its network namespace may mount a new one
            if source in _KERNEL and (writable or source != "/sys"):
                yield "host-kernel-bind", pointer, source
        elif source in _SYSTEM and writable:
            yield "host-system-bind", pointer, source
        elif source in _SECRET:
            yield "host-system-bind-read-only", pointer, source


def _below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _propagation(plan: Plan) -> Iterator[Found]:
    if plan.rootfs.propagation == "shared":
        yield "shared-root", "/linux/rootfsPropagation", plan.rootfs.propagation
    for index, mount in enumerate(plan.mounts):
        if mount.kind == "bind" and any(flag == uapi.MS_SHARED for flag, _ in mount.propagation[-1:]):
            yield "shared-mount", f"/mounts/{index}/options", mount.destination


def _capabilities(plan: Plan) -> Iterator[Found]:
    if plan.process is None or plan.namespaces.has("user"):
        return
    sets = plan.process.capabilities
    kept = sets.bounding | sets.permitted | sets.effective | sets.inheritable | sets.ambient
    for name in capabilities.names(kept):
        if name in CAPABILITY_REASONS:
            yield "capability", "/process/capabilities", name


def _user(plan: Plan) -> Iterator[Found]:
    if plan.process is not None and plan.process.uid == 0 and not plan.namespaces.has("user"):
        yield "host-root-user", "/linux/namespaces", ""


def _namespaces(plan: Plan) -> Iterator[Found]:
    for kind in _NAMESPACES:
        if not plan.namespaces.has(kind):
            yield f"host-{kind}-namespace", "/linux/namespaces", ""


def _joined_namespaces(config: Config) -> Iterator[Found]:
    for index, entry in enumerate((config.get("linux") or {}).get("namespaces") or ()):
        if (entry.get("path") or "").startswith("/proc/1/ns/"):
            yield "joined-host-namespace", f"/linux/namespaces/{index}/path", entry["path"]


def _kernel_file_systems(plan: Plan) -> Iterator[Found]:
    for index, mount in enumerate(plan.mounts):
        if mount.attributes_set & uapi.MOUNT_ATTR_RDONLY or mount.recursive_set & uapi.MOUNT_ATTR_RDONLY:
            continue
        if mount.kind == "cgroup" or (mount.kind == "filesystem" and mount.fstype == "cgroup2"):
            # Its own part only, seen as the root, and root of a user namespace: that is delegation.
            if not (plan.namespaces.has("user") and plan.namespaces.has("cgroup")):
                yield "writable-cgroup", f"/mounts/{index}/options", mount.destination
        elif mount.kind == "filesystem" and mount.fstype == "sysfs" and not plan.namespaces.has("user"):
            yield "writable-sysfs", f"/mounts/{index}/options", mount.destination


def _protected_paths(plan: Plan) -> Iterator[Found]:
    there = tuple(place for place, kind in (("/proc", "proc"), ("/sys", "sysfs")) if _shows(plan.mounts, place, kind))
    masks, fixed = set(plan.masked_paths), {*plan.readonly_paths, *plan.masked_paths}
    bare = [path for path in MASKED if _below(path, there) and not _below(path, tuple(masks))]
    if bare:
        yield "unmasked", "/linux/maskedPaths", ", ".join(bare)
    bare = [path for path in READ_ONLY if _below(path, there) and not _below(path, tuple(fixed))]
    if bare:
        yield "not-read-only", "/linux/readonlyPaths", ", ".join(bare)


def _shows(mounts: list[Mount], place: str, kind: str) -> bool:
    return any(mount.destination == place and (mount.fstype == kind or mount.source == place) for mount in mounts)


def _confinement(plan: Plan) -> Iterator[Found]:
    if plan.process is None:
        return
    if plan.process.seccomp is None:
        yield "no-seccomp", "/linux/seccomp", ""
    else:
        for group in calls.groups(plan.process.seccomp):
            if group.state == calls.ALLOWED and group.name in _UNUSUAL_CALLS:
                yield "seccomp-allows", "/linux/seccomp", group.name
    if not plan.process.no_new_privileges:
        yield "no-new-privileges-missing", "/process/noNewPrivileges", ""


def _devices(plan: Plan) -> Iterator[Found]:
    rules = (plan.resources or {}).get("devices") or ()
    for index, rule in enumerate(rules):
        if not rule["allow"] or not set(rule.get("access") or "rwm") & {"r", "w"}:
            continue
        later = rules[index + 1 :]
        if any(not other["allow"] and (other.get("type") or "a") == "a" and _is_wide(other) for other in later):
            continue  # a later rule takes it all back
        kind = rule.get("type") or "a"
        if _is_wide(rule):
            words = {"a": "of both types", "b": "block devices"}.get(kind, "character devices")
            yield "all-devices", f"/linux/resources/devices/{index}", words
        elif kind in ("a", "b"):
            minor = rule.get("minor")
            yield "block-device", f"/linux/resources/devices/{index}", f"{rule.get('major')}:{_number(minor)}"
    configured = [device for device in plan.devices if not device.default]
    for index, device in enumerate(configured):
        if device.kind == "b":
            yield "block-device", f"/linux/devices/{index}", f"{device.path} ({device.major}:{device.minor})"
        elif device.kind == "c" and (device.major, device.minor) in _MEMORY_DEVICES:
            yield "memory-device", f"/linux/devices/{index}", device.path


def _is_wide(rule: dict[str, Any]) -> bool:
    return (rule.get("major") is None or rule["major"] < 0) and (rule.get("minor") is None or rule["minor"] < 0)


def _number(value: int | None) -> str:
    return "*" if value is None or value < 0 else str(value)


def _hooks(plan: Plan) -> Iterator[Found]:
    for kind in ("prestart", "createRuntime", "createContainer", "poststart", "poststop"):
        for index, hook in enumerate(plan.hooks.get(kind) or ()):
            if kind != "createContainer":
                yield "host-hook", f"/hooks/{kind}/{index}", hook["path"]


def _limits(plan: Plan) -> Iterator[Found]:
    resources = plan.resources or {}
    unified = resources.get("unified") or {}
    if ((resources.get("memory") or {}).get("limit") or -1) < 0 and unified.get("memory.max", "max") == "max":
        yield "no-memory-limit", "/linux/resources/memory", ""
    limit = (resources.get("pids") or {}).get("limit")
    if (limit is None or limit < 0) and unified.get("pids.max", "max") == "max":
        yield "no-pids-limit", "/linux/resources/pids", ""
    if plan.process is not None and (plan.process.oom_score_adj or 0) < 0:
        yield "spared-by-oom", "/process/oomScoreAdj", str(plan.process.oom_score_adj)


_FINDERS = (
    _binds,
    _propagation,
    _capabilities,
    _namespaces,
    _kernel_file_systems,
    _devices,
    _protected_paths,
    _confinement,
    _user,
    _hooks,
    _limits,
)
