"""A plan as steps, in the order in which they are carried out (host/create.py, init/sequence.py). Pure."""

from __future__ import annotations

from pyoci.cgroups import resources_v1, resources_v2
from pyoci.cgroups.devices import DEFAULT_DEVICES, DEFAULT_RULES, rules_of, text_of
from pyoci.explain import file_steps, process_steps
from pyoci.explain.model import Step
from pyoci.spec.rules import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pyoci.wire.plan import IdMapping, Plan

    Config = dict[str, Any]

_CLONE_NAMES = {"network": "CLONE_NEWNET", "mount": "CLONE_NEWNS"}  # the others are named after their types
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
# In init's order; prestart and createRuntime run on the host, createContainer in the container's namespaces.
_CREATE_HOOKS = ("prestart", "createRuntime", "createContainer")
_LATER_HOOKS = {"poststart": "once the program runs", "poststop": "after delete"}
_WHERE = {"createContainer": "in the container's namespaces", "startContainer": "inside the container"}


def steps(config: Config, plan: Plan, layout: str) -> list[Step]:
    """`config` tells where in config.json a step comes from; `layout` is v1 or v2."""
    return [
        *_cgroup(plan, layout),
        *_namespaces(config, plan),
        *_identity(plan),
        *file_steps.mounts(plan),
        *file_steps.devices(plan),
        *_hooks(plan, "hooks", _CREATE_HOOKS),
        *file_steps.paths(plan),
        *file_steps.root(plan),
        *_kernel(plan),
        *process_steps.process(plan),
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


def _device_rules(entries: list[dict[str, Any]] | None, layout: str) -> Iterator[Step]:
    means = "devices.allow, devices.deny" if layout == "v1" else "BPF_CGROUP_DEVICE"
    rules = rules_of(entries)[: -len(DEFAULT_RULES)]
    pointer = "/linux/resources/devices" if entries else ""
    yield Step(stage="cgroup", pointer=pointer, action="deny all devices that no rule names", kernel=means)
    for rule in rules:
        word = "allow" if rule[0] else "deny"
        yield Step(stage="cgroup", pointer=pointer, action=f"{word} device {text_of(rule)}", kernel=means)
    names = ", ".join(name for _, _, name in DEFAULT_DEVICES)
    yield Step(stage="cgroup", pointer="", action=f"allow the usual devices: {names}", kernel=means)


def _namespaces(config: Config, plan: Plan) -> Iterator[Step]:
    entries = (config.get("linux") or {}).get("namespaces") or ()
    for index, entry in enumerate(entries):
        kind, path = entry["type"], entry.get("path")
        pointer = f"/linux/namespaces/{index}"
        flag = _CLONE_NAMES.get(kind, f"CLONE_NEW{kind.upper()}")
        if path:
            action, kernel = f"join the {kind} namespace {path}", f"setns {flag}"
        else:
            action, kernel = f"its own {_OWN[kind]}", f"clone3 {flag}"
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


def _kernel(plan: Plan) -> Iterator[Step]:
    if plan.hostname is not None:
        yield _kernel_step("/hostname", f"host name {plan.hostname}", "sethostname")
    if plan.domainname is not None:
        yield _kernel_step("/domainname", f"domain name {plan.domainname}", "setdomainname")
    for path, value in plan.sysctl:
        yield _kernel_step("/linux/sysctl", f"set {path}", f"/proc/sys/{path} = {value}")
    if plan.personality is not None:
        words = "as on a 32-bit machine" if plan.personality else "plain Linux"
        yield _kernel_step("/linux/personality", f"personality: {words}", f"personality {plan.personality:#x}")
    if plan.memory_policy is not None:
        means = f"set_mempolicy {plan.memory_policy.words}"
        yield _kernel_step("/linux/memoryPolicy", "place memory on NUMA nodes", means)


def _kernel_step(pointer: str, action: str, kernel: str) -> Step:
    return Step(stage="kernel", pointer=pointer, action=action, kernel=kernel)


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
