"""A plan as steps, in the order in which they are carried out (host/create.py, init/sequence.py). Pure."""

from __future__ import annotations

from pyoci.cgroups import resources_v1, resources_v2
from pyoci.cgroups.devices import DEFAULT_RULES, rules_of, text_of
from pyoci.explain import calls
from pyoci.explain.model import Step
from pyoci.kernel import uapi
from pyoci.plan import capabilities
from pyoci.spec.rules import escape
from pyoci.wire.plan import DEVICE_MODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyoci.wire.plan import Device, IdMapping, Mount, Plan, Process

    Config = dict[str, Any]

_CLONE_NAMES = {
    "user": "CLONE_NEWUSER",
    "pid": "CLONE_NEWPID",
    "network": "CLONE_NEWNET",
    "ipc": "CLONE_NEWIPC",
    "uts": "CLONE_NEWUTS",
    "time": "CLONE_NEWTIME",
    "cgroup": "CLONE_NEWCGROUP",
    "mount": "CLONE_NEWNS",
}
_OWN = {
    "user": "user and group IDs",
    "pid": "process numbers: its program is PID 1",
    "network": "network: interfaces, addresses, ports",
    "ipc": "System V IPC and POSIX message queues",
    "uts": "host name",
    "time": "monotonic and boot clocks",
    "cgroup": "view of the cgroup tree",
    "mount": "tree of mounts",
}
_ATTRIBUTE_WORDS = {
    uapi.MOUNT_ATTR_RDONLY: "read-only",
    uapi.MOUNT_ATTR_NOSUID: "no set-user-ID",
    uapi.MOUNT_ATTR_NODEV: "no devices",
    uapi.MOUNT_ATTR_NOEXEC: "no programs",
}
# In init's order; prestart and createRuntime run on the host, createContainer in the container's namespaces.
_CREATE_HOOKS = ("prestart", "createRuntime", "createContainer")
_LATER_HOOKS = {"poststart": "once the program runs", "poststop": "after delete"}
_WHERE = {"createContainer": "in the container's namespaces", "startContainer": "inside the container"}
_NUMBERS_SHOWN = 12


def steps(config: Config, plan: Plan, layout: str) -> list[Step]:
    """`config` tells where in config.json a step comes from; `layout` is v1 or v2."""
    return [
        *_cgroup(plan, layout),
        *_namespaces(config, plan),
        *_identity(plan),
        *_mounts(plan),
        *_devices(plan),
        *_hooks(plan, "hooks", _CREATE_HOOKS),
        *_paths(plan),
        *_root(plan),
        *_kernel(plan),
        *_process(plan),
        *_start(plan),
    ]


def _cgroup(plan: Plan, layout: str) -> Iterator[Step]:
    place = plan.cgroups_path
    where = f"at {place}" if place else "beside the caller's own, named after the container"
    pointer = "/linux/cgroupsPath" if place else ""
    yield Step(stage="cgroup", pointer=pointer, action=f"make a cgroup {where}", kernel=f"mkdir, cgroup {layout}")
    resources = plan.resources or {}
    batches = resources_v2.plan(resources, {}) if layout == "v2" else resources_v1.plan(resources)
    for batch in batches:
        for item in batch:
            file, value = item.targets[0]
            section, _, _ = item.name.partition(" ")
            is_file = section == "unified"
            place = f"unified/{escape(file)}" if is_file else section.replace(".", "/")
            yield Step(
                stage="cgroup",
                pointer=f"/linux/resources/{place}",
                action=f"set {file} of cgroup v2" if is_file else _limit(item.name, value),
                kernel=f"{file} = {value}",
            )
    if plan.intel_rdt is not None:
        rdt = plan.intel_rdt
        where = f"the resctrl group {rdt.group}" if rdt.group else "resctrl's default group"
        lines = "; ".join(rdt.schemata)
        yield Step(
            stage="cgroup",
            pointer="/linux/intelRdt",
            action=f"share the CPU's cache and memory bandwidth in {where}",
            kernel=f"schemata = {lines}" if lines else "tasks",
        )
    yield from _device_rules(resources.get("devices"), layout)


def _limit(name: str, value: str) -> str:
    label = f"set {name.replace('.', ' ')}"
    if name.startswith("memory.") and value.isdigit() and name != "memory.swappiness":
        return f"{label} to {size(int(value))}"
    return label


def size(count: int) -> str:
    """Bytes for a person: 67108864 is 64 MiB."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count // unit} {name}" if count % unit == 0 else f"{count / unit:.1f} {name}"
    return f"{count} bytes"


def _device_rules(given: list[dict[str, Any]] | None, layout: str) -> Iterator[Step]:
    means = "devices.allow, devices.deny" if layout == "v1" else "BPF_CGROUP_DEVICE"
    own = rules_of(given)[: -len(DEFAULT_RULES)]
    pointer = "/linux/resources/devices" if given else ""
    yield Step(stage="cgroup", pointer=pointer, action="deny all devices that no rule names", kernel=means)
    for rule in own:
        word = "allow" if rule[0] else "deny"
        yield Step(stage="cgroup", pointer=pointer, action=f"{word} device {text_of(rule)}", kernel=means)
    names = "null, zero, full, random, urandom, tty, console, ptmx, pts, net/tun"
    yield Step(stage="cgroup", pointer="", action=f"allow the usual devices: {names}", kernel=means)


def _namespaces(config: Config, plan: Plan) -> Iterator[Step]:
    entries = (config.get("linux") or {}).get("namespaces") or ()
    for index, entry in enumerate(entries):
        kind, path = entry["type"], entry.get("path")
        pointer = f"/linux/namespaces/{index}"
        if path:
            action, kernel = f"join the {kind} namespace {path}", f"setns {_CLONE_NAMES[kind]}"
        else:
            action, kernel = f"its own {_OWN[kind]}", f"clone3 {_CLONE_NAMES[kind]}"
        yield Step(stage="namespaces", pointer=pointer, action=action, kernel=kernel)
    user = plan.namespaces.user
    if user is not None:
        for key, file, entries in (
            ("uidMappings", "uid_map", user.uid_mappings),
            ("gidMappings", "gid_map", user.gid_mappings),
        ):
            for index, entry in enumerate(entries):
                yield _mapping(entry, f"/linux/{key}/{index}", file)
    for clock, seconds, nanoseconds in plan.namespaces.time_offsets:
        yield Step(
            stage="namespaces",
            pointer=f"/linux/timeOffsets/{clock}",
            action=f"shift the {clock} clock by {seconds}.{nanoseconds:09d} s",
            kernel="/proc/PID/timens_offsets",
        )
    for name, inside in plan.net_devices.items():
        yield Step(
            stage="namespaces",
            pointer=f"/linux/netDevices/{escape(name)}",
            action=f"move the network device {name} in, as {inside}",
            kernel="RTM_SETLINK IFLA_NET_NS_FD",
        )


def _mapping(entry: IdMapping, pointer: str, file: str) -> Step:
    kind = "user" if file == "uid_map" else "group"
    if entry.size == 1:
        action = f"{kind} {entry.container_id} inside is {entry.host_id} on the host"
    else:
        inside = f"{entry.container_id} to {entry.container_id + entry.size - 1}"
        action = f"{kind}s {inside} inside are {entry.host_id} to {entry.host_id + entry.size - 1} on the host"
    return Step(
        stage="namespaces",
        pointer=pointer,
        action=action,
        kernel=f"/proc/PID/{file} = {entry.container_id} {entry.host_id} {entry.size}",
    )


def _identity(plan: Plan) -> Iterator[Step]:
    yield Step(stage="identity", pointer="", action="a new session, umask 0, all CPUs", kernel="setsid, umask")
    if plan.process is not None and plan.process.keyring is not None:
        yield Step(
            stage="identity", pointer="", action="a session keyring of its own", kernel="keyctl JOIN_SESSION_KEYRING"
        )
    if "network" in plan.namespaces.new:
        yield Step(stage="identity", pointer="", action="bring up the loopback device", kernel="SIOCSIFFLAGS IFF_UP")


def _mounts(plan: Plan) -> Iterator[Step]:
    root = plan.rootfs
    propagation = root.propagation or "private"
    yield Step(
        stage="mounts",
        pointer="/root/path",
        action=f"take {root.path} as the root",
        kernel=f"mount propagation {propagation}; open_tree CLONE|RECURSIVE",
    )
    for index, mount in enumerate(plan.mounts):
        yield Step(stage="mounts", pointer=f"/mounts/{index}", action=_mount_words(mount), kernel=_mount_calls(mount))


def _mount_words(mount: Mount) -> str:
    if mount.kind == "bind":
        how = " with all below it" if mount.recursive else ""
        text = f"show the host's {mount.source}{how} at {mount.destination}"
    elif mount.kind == "cgroup":
        text = f"show the container's cgroup at {mount.destination}"
    elif mount.kind in ("remount", "change"):
        text = f"change the options of {mount.destination}"
    else:
        text = f"a new {mount.fstype} at {mount.destination}"
        if mount.fstype not in ("proc", "sysfs", "mqueue", "devpts", "tmpfs"):
            text += f" from {mount.source}"
    both = mount.attributes_set | mount.recursive_set
    both |= uapi.MOUNT_ATTR_RDONLY if mount.read_only_last else 0
    options = [word for flag, word in _ATTRIBUTE_WORDS.items() if both & flag]
    options += [f"{key}={value}" if value is not None else key for key, value in mount.data]
    options += ["with the image's files copied into it"] if mount.tmpcopyup else []
    return f"{text} ({', '.join(options)})" if options else text


def _mount_calls(mount: Mount) -> str:
    if mount.kind == "bind":
        parts = ["open_tree CLONE" + ("|RECURSIVE" if mount.recursive else "")]
    elif mount.kind == "cgroup":
        parts = ["fsopen or open_tree of each hierarchy"]
    elif mount.kind == "remount":
        parts = ["fspick"]
    elif mount.kind == "change":
        parts = []
    else:
        parts = [f"fsopen {mount.fstype}"]
    for name, flags in (("set", mount.attributes_set), ("set recursively", mount.recursive_set)):
        if flags:
            parts.append(f"mount_setattr {name} {uapi.flag_names(flags, uapi.MOUNT_ATTR_NAMES)}")
    if mount.idmap:
        parts.append("mount_setattr MOUNT_ATTR_IDMAP")
    for flag, recursive in mount.propagation:
        parts.append(f"MS_{uapi.flag_names(flag, uapi.PROPAGATION_NAMES)}{'|MS_REC' if recursive else ''}")
    if mount.kind not in ("remount", "change"):
        parts.append("move_mount")
    return "; ".join(parts)


def _devices(plan: Plan) -> Iterator[Step]:
    usual = [device.path for device in plan.devices if device.default]
    if usual:
        means = "mknod, or bind"
        yield Step(stage="devices", pointer="", action=f"make {', '.join(usual)}", kernel=means)
    own = [device for device in plan.devices if not device.default]
    for index, device in enumerate(own):
        yield Step(
            stage="devices",
            pointer=f"/linux/devices/{index}",
            action=f"make {device.path} for {device.uid or 0}:{device.gid or 0}",
            kernel=_mknod(device),
        )
    if plan.rootfs.set_up_dev:
        links = "/dev/fd, /dev/stdin, /dev/stdout, /dev/stderr, /dev/ptmx"
        yield Step(stage="devices", pointer="", action=f"link {links}", kernel="symlink")


def _mknod(device: Device) -> str:
    numbers = "" if device.kind == "p" else f" {device.major}:{device.minor}"
    mode = DEVICE_MODE if device.mode is None else device.mode
    return f"mknod {device.kind}{numbers} mode {mode:#o}"


def _hooks(plan: Plan, stage: str, kinds: tuple[str, ...]) -> Iterator[Step]:
    for kind in kinds:
        for index, hook in enumerate(plan.hooks.get(kind) or ()):
            where = _WHERE.get(kind, "on the host")
            when = f", {_LATER_HOOKS[kind]}" if kind in _LATER_HOOKS else ""
            yield Step(
                stage=stage,
                pointer=f"/hooks/{kind}/{index}",
                action=f"run {hook['path']} {where}{when}",
                kernel=f"execve, timeout {hook['timeout']} s" if hook.get("timeout") else "execve",
            )


def _paths(plan: Plan) -> Iterator[Step]:
    for index, path in enumerate(plan.readonly_paths):
        pointer = f"/linux/readonlyPaths/{index}"
        yield Step(stage="paths", pointer=pointer, action=f"make {path} read-only", kernel="bind; mount_setattr RDONLY")
    for index, path in enumerate(plan.masked_paths):
        pointer = f"/linux/maskedPaths/{index}"
        means = "bind /dev/null or a tmpfs"
        yield Step(stage="paths", pointer=pointer, action=f"hide {path}", kernel=means)


def _root(plan: Plan) -> Iterator[Step]:
    means = {
        "pivot_root": "pivot_root; umount2 MNT_DETACH",
        "move": "mount MS_MOVE; chroot",
        "chroot": "chroot",
    }[plan.rootfs.pivot]
    yield Step(stage="root", pointer="/root", action="enter the new root, leave the host's", kernel=means)
    if plan.rootfs.readonly:
        yield Step(
            stage="root", pointer="/root/readonly", action="make the root read-only", kernel="mount_setattr RDONLY"
        )


def _kernel(plan: Plan) -> Iterator[Step]:
    if plan.hostname is not None:
        yield Step(stage="kernel", pointer="/hostname", action=f"host name {plan.hostname}", kernel="sethostname")
    if plan.domainname is not None:
        action = f"domain name {plan.domainname}"
        yield Step(stage="kernel", pointer="/domainname", action=action, kernel="setdomainname")
    for path, value in plan.sysctl:
        pointer = "/linux/sysctl"
        yield Step(stage="kernel", pointer=pointer, action=f"set {path}", kernel=f"/proc/sys/{path} = {value}")
    if plan.personality is not None:
        words = "as on a 32-bit machine" if plan.personality else "plain Linux"
        yield Step(
            stage="kernel",
            pointer="/linux/personality",
            action=f"personality: {words}",
            kernel=f"personality {plan.personality:#x}",
        )
    if plan.memory_policy is not None:
        yield Step(
            stage="kernel",
            pointer="/linux/memoryPolicy",
            action="place memory on NUMA nodes",
            kernel=f"set_mempolicy {plan.memory_policy.words}",
        )


def _process(plan: Plan) -> Iterator[Step]:
    process = plan.process
    if process is None:
        return
    if process.terminal:
        yield Step(stage="process", pointer="/process/terminal", action="a terminal", kernel="/dev/pts/N, TIOCSCTTY")
    yield from _scheduling(process)
    for index, (name, _, soft, hard) in enumerate(process.rlimits):
        action = f"limit {name.removeprefix('RLIMIT_')} to {limit(soft)}, {limit(hard)} at the most"
        yield Step(stage="process", pointer=f"/process/rlimits/{index}", action=action, kernel=f"prlimit {name}")
    groups = f", groups {', '.join(map(str, process.additional_gids))}" if process.additional_gids else ""
    yield Step(
        stage="process",
        pointer="/process/user",
        action=f"run as user {process.uid}, group {process.gid}{groups}",
        kernel="setgroups, setresgid, setresuid",
    )
    if process.umask is not None:
        yield Step(stage="process", pointer="/process/user/umask", action=f"umask {process.umask:#o}", kernel="umask")
    yield Step(stage="process", pointer="/process/cwd", action=f"work in {process.cwd}", kernel="chdir")
    yield from _rights(process)


def _scheduling(process: Process) -> Iterator[Step]:
    if process.oom_score_adj is not None:
        yield Step(
            stage="process",
            pointer="/process/oomScoreAdj",
            action=f"weigh {process.oom_score_adj} when memory runs out",
            kernel=f"oom_score_adj = {process.oom_score_adj}",
        )
    if process.scheduler is not None:
        yield Step(
            stage="process",
            pointer="/process/scheduler",
            action="schedule it in a way of its own",
            kernel=f"sched_setattr {process.scheduler.words}",
        )
    if process.io_priority is not None:
        yield Step(
            stage="process",
            pointer="/process/ioPriority",
            action="a priority for I/O",
            kernel=f"ioprio_set {process.io_priority[2]}",
        )


def limit(value: int) -> str:
    """A resource limit for a person."""
    return "unlimited" if value == (1 << 64) - 1 else str(value)


def _rights(process: Process) -> Iterator[Step]:
    sets = process.capabilities
    pointer = "/process/capabilities"
    for name, mask in (
        ("bounding", sets.bounding),
        ("permitted", sets.permitted),
        ("effective", sets.effective),
        ("inheritable", sets.inheritable),
        ("ambient", sets.ambient),
    ):
        if mask or name == "bounding":
            yield Step(
                stage="process",
                pointer=f"{pointer}/{name}",
                action=f"keep {capability_words(mask)} ({name})",
                kernel=_capability_calls(name, mask),
            )
    if process.no_new_privileges:
        yield Step(
            stage="process",
            pointer="/process/noNewPrivileges",
            action="gain no rights by set-user-ID programs",
            kernel="prctl PR_SET_NO_NEW_PRIVS",
        )
    if process.apparmor_profile:
        action = f"confine it by the AppArmor profile {process.apparmor_profile}"
        yield Step(stage="process", pointer="/process/apparmorProfile", action=action, kernel="attr/apparmor/exec")
    if process.selinux_label:
        action = f"confine it by the SELinux label {process.selinux_label}"
        yield Step(stage="process", pointer="/process/selinuxLabel", action=action, kernel="attr/exec")
    yield from _seccomp(process)


def capability_words(mask: int) -> str:
    """The names of a set, or how few it lacks."""
    names = [name.removeprefix("CAP_") for name in capabilities.names(mask)]
    everything = len(uapi.CAPABILITIES)
    if not names:
        return "no capability"
    if len(names) == everything:
        return "all capabilities"
    if len(names) > everything - _NUMBERS_SHOWN:
        lacking = capabilities.names(~mask & ((1 << everything) - 1))
        return f"all capabilities except {', '.join(name.removeprefix('CAP_') for name in lacking)}"
    return f"{len(names)} of {everything} capabilities: {', '.join(names)}"


def _capability_calls(name: str, mask: int) -> str:
    call = {"bounding": "prctl PR_CAPBSET_DROP", "ambient": "prctl PR_CAP_AMBIENT"}.get(name, "capset")
    return f"{call} {mask:#x}"


def _seccomp(process: Process) -> Iterator[Step]:
    plan = process.seccomp
    if plan is None:
        return
    pointer = "/linux/seccomp"
    yield Step(
        stage="process",
        pointer=pointer,
        action=f"filter system calls ({len(plan.rules)} rule{'' if len(plan.rules) == 1 else 's'})",
        kernel="seccomp SECCOMP_SET_MODE_FILTER",
    )
    found = calls.groups(plan)
    for state, words in ((calls.DENIED, "deny"), (calls.PARTLY, "deny in part")):
        names = [group.name for group in found if group.state == state]
        if names:
            yield Step(stage="process", pointer=pointer, action=f"{words}: {'; '.join(names)}")


def _start(plan: Plan) -> Iterator[Step]:
    yield from _hooks(plan, "start", ("startContainer",))
    if plan.process is not None:
        yield Step(
            stage="start",
            pointer="/process/args",
            action=f"run {' '.join(_quoted(word) for word in plan.process.args)}",
            kernel=f"execve, {len(plan.process.env)} environment variables",
        )
    else:
        yield Step(stage="start", pointer="", action="wait: the config has no process, so start fails")
    yield from _hooks(plan, "afterwards", tuple(_LATER_HOOKS))


def _quoted(word: str) -> str:
    plain = word != "" and all(character.isalnum() or character in "_-./=:,+%@" for character in word)
    return word if plain else "'" + word.replace("'", "'\\''") + "'"
