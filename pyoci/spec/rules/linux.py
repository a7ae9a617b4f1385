"""The sections of `linux` that a bare container does not have."""

from __future__ import annotations

import _stat as stat

from pyoci.spec.rules import MISSING, escape, namespaces_of
from pyoci.spec.rules.process import is_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyoci.spec.rules import Config, Problem

# mknod(2) in the kernel's own encoding: 12 bits and 20 bits
_MAJOR_MAX = (1 << 12) - 1
_MINOR_MAX = (1 << 20) - 1
# inode(7): what fileMode may say of the type, besides nothing
_TYPES = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
_SUN_PATH_MAX = 107
_FILE_TYPE = 0o170000  # S_IFMT; stat.S_IFMT() takes no negative and no huge number
_UTS_MAX = 64  # __NEW_UTS_LEN, utsname.h
_NAME_MAX = 15  # netdevice(7), IFNAMSIZ with its NUL
# ipc_namespaces(7); the rest of /proc/sys/kernel is the host's
_IPC_SYSCTLS = (
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
)
_TAKES_ERRNO = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")


def device_has_numbers(config: Config) -> Iterator[Problem]:
    """`major, minor` (int64, REQUIRED unless `type` is `p`)."""
    for index, device in enumerate(config.get("linux", {}).get("devices", ())):
        if device["type"] != "p":
            for name, maximum in (("major", _MAJOR_MAX), ("minor", _MINOR_MAX)):
                number = device.get(name, MISSING)
                if number is MISSING or not 0 <= number <= maximum:
                    yield f"/linux/devices/{index}/{name}", number, f"a number from 0 to {maximum}"


def device_lies_in_a_folder(config: Config) -> Iterator[Problem]:
    """`path` (string): full path to device inside container."""
    for index, device in enumerate(config.get("linux", {}).get("devices", ())):
        depth = 0
        for part in device["path"].split("/"):
            depth = max(0, depth - 1) if part == ".." else depth + (part not in ("", "."))
        if device["path"] and depth == 0:
            yield f"/linux/devices/{index}/path", device["path"], "a path below the root"


def listener_path_fits(config: Config) -> Iterator[Problem]:
    """`listenerPath`: unix(7), sun_path has 108 bytes with its NUL."""
    path = config.get("linux", {}).get("seccomp", {}).get("listenerPath", "")
    if len(path.encode("utf-8", "surrogateescape")) > _SUN_PATH_MAX:
        yield "/linux/seccomp/listenerPath", path, f"a path of at most {_SUN_PATH_MAX} bytes, as sockets have"


def device_mode_is_of_its_type(config: Config) -> Iterator[Problem]:
    """`fileMode` (uint32): file mode for the device. podman writes all of st_mode (0020666)."""
    for index, device in enumerate(config.get("linux", {}).get("devices", ())):
        mode = device.get("fileMode", 0)
        if mode & _FILE_TYPE not in (0, _TYPES[device["type"]]):
            yield (
                f"/linux/devices/{index}/fileMode",
                mode,
                f"permissions, or the mode of a device of type {device['type']}",
            )


def device_paths_differ(config: Config) -> Iterator[Problem]:
    """If a file already exists at `path` that does not match the requested device, the runtime MUST generate
    an error."""
    seen: dict[str, tuple[object, ...]] = {}
    for index, device in enumerate(config.get("linux", {}).get("devices", ())):
        kind = "c" if device["type"] == "u" else device["type"]
        numbers = (kind, device.get("major", 0), device.get("minor", 0))
        if seen.setdefault(device["path"], numbers) != numbers:
            yield f"/linux/devices/{index}/path", device["path"], "must be the path of one device only"


def sysctl_is_the_containers(config: Config) -> Iterator[Problem]:
    """`sysctl` allows kernel parameters to be modified at runtime for the container: only those that a
    namespace of the container holds, since the others are the host's."""
    has = namespaces_of(config)
    for name in config.get("linux", {}).get("sysctl", {}):
        place = f"/linux/sysctl/{escape(name)}"
        path = sysctl_path(name)
        if path is None:
            yield place, name, "the name of a kernel parameter"
            continue
        dotted = path.replace("/", ".")
        if dotted == "kernel.hostname":
            yield place, name, "is refused: set /hostname instead"
        elif dotted == "kernel.domainname":
            yield from _needs(has, "uts", place, name)
            value = config["linux"]["sysctl"][name]
            if len(value.encode("utf-8", "surrogateescape")) > _UTS_MAX or "\n" in value:
                yield place, value, f"one line of at most {_UTS_MAX} bytes: the kernel would cut it"
            if config.get("domainname") not in (None, "", config["linux"]["sysctl"][name]):
                yield place, config["linux"]["sysctl"][name], f"{config['domainname']!r}, as /domainname says"
        elif dotted in _IPC_SYSCTLS or path.startswith("fs/mqueue/"):
            yield from _needs(has, "ipc", place, name)
        elif path.startswith("net/"):
            yield from _needs(has, "network", place, name)
        elif path.startswith("user/"):
            yield from _needs(has, "user", place, name)
        else:
            yield place, name, "a parameter of a namespace: net.*, user.*, fs.mqueue.*, the IPC ones of kernel.*"


def sysctl_has_one_value(config: Config) -> Iterator[Problem]:
    """A parameter has several names (sysctl(8): dots, or slashes): one of two values would not be applied."""
    values: dict[str, tuple[str, str]] = {}
    for name, value in config.get("linux", {}).get("sysctl", {}).items():
        other, first = values.setdefault(sysctl_path(name) or name, (name, value))
        if value != first:
            yield f"/linux/sysctl/{escape(name)}", value, f"{first!r}, as /linux/sysctl/{escape(other)} says"


def _needs(has: dict[str, str | None], kind: str, place: str, name: str) -> Iterator[Problem]:
    if kind not in has:
        yield place, name, f"needs a namespace of type {kind} in /linux/namespaces: without it the host's would change"


def sysctl_path(name: str) -> str | None:
    """`name` below /proc/sys, None for one that leads elsewhere."""
    path = with_slashes(name)
    return None if any(part in ("", ".", "..") for part in path.split("/")) else path


def with_slashes(name: str) -> str:
    """sysctl(8): the first separator, a dot or a slash, is the separator; the other one then means the first."""
    dot, slash = name.find("."), name.find("/")
    return name.translate({ord("."): "/", ord("/"): "."}) if slash < 0 or 0 <= dot < slash else name


def time_offsets_need_new_time_namespace(config: Config) -> Iterator[Problem]:
    """time_namespaces(7): offsets are set before the first process is in the namespace, for two clocks."""
    offsets = config.get("linux", {}).get("timeOffsets")
    if not offsets:
        return
    if namespaces_of(config).get("time", "joined") is not None:
        yield "/linux/timeOffsets", offsets, "needs a new time namespace in /linux/namespaces"
    for clock, offset in offsets.items():
        place = f"/linux/timeOffsets/{escape(clock)}"
        if clock not in ("monotonic", "boottime"):
            yield place, offset, "must be named monotonic or boottime, after a clock"
        elif offset.get("nanosecs", 0) >= 1_000_000_000:
            yield f"{place}/nanosecs", offset["nanosecs"], "less than a second"


def net_devices_can_move(config: Config) -> Iterator[Problem]:
    """The runtime MUST check if moving the network interface to the container namespace is possible."""
    devices = config.get("linux", {}).get("netDevices")
    if not devices:
        return
    if "network" not in namespaces_of(config):
        yield "/linux/netDevices", devices, "needs a network namespace in /linux/namespaces"
    seen: set[str] = set()
    for name, device in devices.items():
        place = f"/linux/netDevices/{escape(name)}"
        if not _is_device_name(name):
            yield place, name, "the name of a network device"
        new_name = device.get("name") or name
        if not _is_device_name(new_name):
            yield f"{place}/name", new_name, f"a name of 1 to {_NAME_MAX} bytes, without slash, colon and space"
        elif new_name in seen and "%d" not in new_name:
            yield f"{place}/name", new_name, "a name that no other device gets"
        seen.add(new_name)


def _is_device_name(name: str) -> bool:
    """dev_valid_name of the kernel (net/core/dev.c)."""
    if name in ("", ".", "..") or len(name.encode()) > _NAME_MAX:
        return False
    return not any(character in "/:" or character.isspace() for character in name)


def cgroups_path_stays_below(config: Config) -> Iterator[Problem]:
    """Runtimes MAY consider certain `cgroupsPath` values to be invalid, and MUST generate an error if this is
    the case: one with `..` could name a cgroup that is not the container's."""
    path = config.get("linux", {}).get("cgroupsPath", "")
    if ".." in path.split("/"):
        yield "/linux/cgroupsPath", path, "a path without .."


def personality_has_no_flags(config: Config) -> Iterator[Problem]:
    """`flags`: currently no flag values are supported."""
    flags = config.get("linux", {}).get("personality", {}).get("flags")
    if flags:
        yield "/linux/personality/flags", flags, "must be empty: the specification defines no flag"


def class_of_service_is_a_name(config: Config) -> Iterator[Problem]:
    """That sub-directory name is specified by `closID`; value `/` means the default CLOS."""
    clos = config.get("linux", {}).get("intelRdt", {}).get("closID")
    if clos is not None and clos != "/" and (clos in ("", ".", "..") or "/" in clos or "\n" in clos):
        yield "/linux/intelRdt/closID", clos, "the name of a directory, or /"


def memory_policy_fits_mode(config: Config) -> Iterator[Problem]:
    """`nodes`: some modes require that there are no nodes, others that there is at least one.
    set_mempolicy(2)."""
    policy = config.get("linux", {}).get("memoryPolicy")
    if policy is None:
        return
    place = "/linux/memoryPolicy"
    mode, nodes, flags = policy["mode"], policy.get("nodes", ""), policy.get("flags", ())
    if not is_list(nodes):
        yield f"{place}/nodes", nodes, "a list of nodes such as 0-3,7"
    if mode in ("MPOL_DEFAULT", "MPOL_LOCAL"):
        if nodes:
            yield f"{place}/nodes", nodes, f"must be empty with {mode}"
        if flags:
            yield f"{place}/flags", flags, f"must be empty with {mode}"
    elif mode != "MPOL_PREFERRED" and not nodes.strip():
        yield f"{place}/nodes", policy.get("nodes", MISSING), f"must name at least one node with {mode}"
    if "MPOL_F_STATIC_NODES" in flags and "MPOL_F_RELATIVE_NODES" in flags:
        yield f"{place}/flags", flags, "must have MPOL_F_STATIC_NODES or MPOL_F_RELATIVE_NODES, but not both"


def listener_metadata_needs_listener(config: Config) -> Iterator[Problem]:
    """`listenerMetadata`: this field MUST NOT be set if `listenerPath` is not set."""
    seccomp = config.get("linux", {}).get("seccomp", {})
    if seccomp.get("listenerMetadata") and not seccomp.get("listenerPath"):
        yield "/linux/seccomp/listenerMetadata", seccomp["listenerMetadata"], "needs a listenerPath"


def notify_needs_listener(config: Config) -> Iterator[Problem]:
    """`listenerPath`: the socket over which the runtime will send the state when SCMP_ACT_NOTIFY is used.
    Without one nobody would ever answer."""
    seccomp = config.get("linux", {}).get("seccomp", {})
    actions = [rule["action"] for rule in seccomp.get("syscalls", ())]
    if "SCMP_ACT_NOTIFY" in actions and not seccomp.get("listenerPath"):
        yield "/linux/seccomp/listenerPath", MISSING, "a socket, since a rule's action is SCMP_ACT_NOTIFY"


def errno_has_an_action(config: Config) -> Iterator[Problem]:
    """`errnoRet`: when the action doesn't support an errno, the runtime MUST print and error and fail."""
    seccomp = config.get("linux", {}).get("seccomp", {})
    action = seccomp.get("defaultAction")
    if "defaultErrnoRet" in seccomp and action not in _TAKES_ERRNO:
        yield "/linux/seccomp/defaultErrnoRet", seccomp["defaultErrnoRet"], f"must be left out with {action}"
    for index, rule in enumerate(seccomp.get("syscalls", ())):
        if "errnoRet" in rule and rule["action"] not in _TAKES_ERRNO:
            yield (
                f"/linux/seccomp/syscalls/{index}/errnoRet",
                rule["errnoRet"],
                f"must be left out with {rule['action']}",
            )


RULES = (
    device_has_numbers,
    device_mode_is_of_its_type,
    device_lies_in_a_folder,
    listener_path_fits,
    device_paths_differ,
    sysctl_is_the_containers,
    sysctl_has_one_value,
    time_offsets_need_new_time_namespace,
    net_devices_can_move,
    cgroups_path_stays_below,
    personality_has_no_flags,
    class_of_service_is_a_name,
    memory_policy_fits_mode,
    listener_metadata_needs_listener,
    notify_needs_listener,
    errno_has_an_action,
)
