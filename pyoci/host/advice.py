"""Advice about an error of the kernel's, worked out once it has happened: words that follow it.

The words that engines look for stay as they are, at the beginning. Nothing here is loaded unless something has failed.

The error's class, errno and place choose the advice. Three things are only in its words: the option that the kernel's
log names, the call behind a limit of the machine (kernel_limits), since the container's side sends words for it, and
that a process was killed, perhaps by a seccomp filter (SIGNS_OF_A_FILTER).
"""

from __future__ import annotations

import errno
import posix

from pyoci import errors, jsontext, log
from pyoci.errors import ContainerExists, ExecutableError, PyociError
from pyoci.host import why_mount, why_program, why_sysctl, why_user_namespace
from pyoci.host.file_text import beginning
from pyoci.host.rootfs_view import View
from pyoci.host.why_program import Wanted
from pyoci.kernel.call import encode, shown
from pyoci.record import Record
from pyoci.spec.words import TRY, did_you_mean, show
from pyoci.state import status
from pyoci.state.store import CONFIG_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyoci.state.model import State
    from pyoci.state.store import Entry, Store
    from pyoci.wire.plan import Process

    Judge = Callable[[PyociError, "Context"], str]

_CPUS = "/sys/devices/system/cpu/online"
_NODES = "/sys/devices/system/node/online"
# Of kernels as distributions have them, where /proc/filesystems has only those that are loaded.
_MODULES = (
    "9p",
    "btrfs",
    "cifs",
    "erofs",
    "exfat",
    "ext4",
    "f2fs",
    "fuse",
    "isofs",
    "nfs",
    "nfs4",
    "overlay",
    "squashfs",
    "vfat",
    "xfs",
)
# Properties that a message about one of their calls need not name; of a mount, it has the destination.
_NAMED = ("/process/", "/linux/", "/hostname", "/domainname")
_OPTIONS_OF_EXEC = {
    "/process/apparmorProfile": "--apparmor",
    "/process/capabilities": "--cap",
    "/process/cwd": "--cwd",
    "/process/noNewPrivileges": "--no-new-privs",
    "/process/selinuxLabel": "--process-label",
    "/process/terminal": "--tty",
    "/process/user": "--user",
    "/process/user/additionalGids": "--additional-gids",
}
_OF_THE_PROCESS = ("/proc/self", "/proc/thread-self", "/dev/fd", "/dev/std")
MEMORY_OF_INIT = 8 << 20  # what `create` takes at most, measured: tests/integration/test_mistakes.py tries it


class Context(Record):
    """The container that failed."""

    config: dict[str, Any]
    bundle: str
    rootfs: str
    wanted: Wanted | None = None  # None: the process of the config


def of_create(error: PyociError, config: bytes, bundle: str, rootfs: str) -> None:
    """Let `error` lead on: `config` is the config.json of the container that could not be created."""
    document = jsontext.loads(config, what="config.json")
    _lead(error, Context(config=document, bundle=bundle, rootfs=rootfs))
    if _root_of_try(document):
        error.args = (str(error).replace("/linux/resources/memory/limit is", "--memory is"),)


def of_start(error: PyociError, entry: Entry, state: State) -> None:
    config = _config_of(entry)
    if config is not None:
        _lead(error, Context(config=config, bundle=state.bundle, rootfs=state.rootfs))


def of_exec(error: PyociError, entry: Entry, state: State, process: Process, *, typed: bool) -> None:
    """`typed`: the program stands on the command line, not in a file."""
    config = _config_of(entry)
    if config is not None:
        program = Wanted(args=process.args, env=process.env, cwd=process.cwd, uid=process.uid, gid=process.gid)
        program.is_typed = typed
        _lead(error, Context(config=config, bundle=state.bundle, rootfs=state.rootfs, wanted=program))


def of_update(error: PyociError) -> None:
    for place, what, present in (("/cpu/cpus", "CPUs", _CPUS), ("/cpu/mems", "memory nodes", _NODES)):
        if error.place == place:
            error.lead_on(f"this host has the {what} {beginning(present) or '0'}")


def of_mounts(error: PyociError) -> None:
    if error.place.startswith("/mounts/") and error.errno == errno.EROFS:
        error.lead_on("the root file system is read-only: the place must exist, or lie in a mount that is writable")


def _config_of(entry: Entry) -> dict[str, Any] | None:
    try:
        config: dict[str, Any] = jsontext.loads(entry.read_file(CONFIG_FILE), what=CONFIG_FILE)
        return config
    except PyociError:
        return None  # there is an error already


def of_taken_id(error: ContainerExists, store: Store) -> None:
    """Say in which status the container is that has the ID, and how to remove it."""
    name = error.container_id
    try:
        with store.look(name) as entry:
            state, current = status.look(entry)
    except PyociError:
        return  # it is gone again, or nobody can read it
    if current == status.CREATING:
        error.lead_on(status.BEING_CREATED)
        return
    force = "" if current == status.STOPPED else "--force "
    error.lead_on(f"it is {current}, made {state.created}: pyoci --root {store.root} delete {force}{name} removes it")


def _lead(error: PyociError, context: Context) -> None:
    try:
        _lead_on(error, context)
    except Exception as trouble:  # noqa: BLE001  # whatever it is: the error itself is what counts
        log.debug(f"what to do about it is not known: {trouble!r}")
    _name_property(error, typed=context.wanted is not None and context.wanted.is_typed)


def _name_property(error: PyociError, *, typed: bool) -> None:
    """The kernel says EINVAL or EPERM of a call; a person has written a property, or an option of `exec` (`typed`)."""
    place = error.place
    option = _OPTIONS_OF_EXEC.get(place, "") if typed else ""
    if option and option in str(error):
        return
    is_named = place in str(error) or (place.startswith("/linux/sysctl/") and place[14:] in str(error))
    if place.startswith(_NAMED) and not is_named:
        error.lead_on(f"{place}{option and ' or '}{option} asks for it")


def _lead_on(error: PyociError, context: Context) -> None:
    text = str(error)
    if error.errno == errno.EACCES and error.place.startswith(("/mounts/", "/root/path")):
        closed = _closed_folder(context)
        if closed:
            error.lead_on(closed)
            return
    if error.errno in (errno.ENOSPC, errno.EAGAIN):
        from pyoci.host import kernel_limits

        reached = kernel_limits.words(text, beginning)
        if reached:
            error.lead_on(reached)
            return
    if any(sign in text for sign in errors.SIGNS_OF_A_FILTER):
        from pyoci.host import refused_calls

        refused = refused_calls.words()
        if refused:
            error.lead_on(refused)
            return
    if isinstance(error, ExecutableError):
        error.lead_on(_too_long(context) if error.errno == errno.E2BIG else _why_program(context))
        return
    for place, judge in _JUDGES.items():
        if error.place == place or (place.endswith("/") and error.place.startswith(place)):
            error.lead_on(judge(error, context))
            return


def _cwd(error: PyociError, context: Context) -> str:
    configured = (context.config.get("process") or {}).get("cwd")
    has_other_cwd = context.wanted is not None and context.wanted.cwd != configured
    if error.errno == errno.ELOOP:
        error.lead_on("a link leads round in a circle, or is one of procfs (fd, cwd, root), which is not followed")
    if error.errno == errno.ENOENT and context.wanted is not None and context.wanted.cwd.startswith(_OF_THE_PROCESS):
        error.lead_on("exec enters it before the process has its number there; /proc/1 is that of the container's init")
    return "--cwd or --process names it" if has_other_cwd else "/process/cwd of config.json names it"


def _why_program(context: Context) -> str:
    program = context.wanted or Wanted.of_config(context.config.get("process") or {})
    if context.wanted is not None and program.args[0].startswith("-"):
        return "options of exec stand before the container's ID"
    view = View(context.rootfs, context.bundle, context.config.get("mounts") or [])
    view.root_of_try = _root_of_try(context.config)
    program.is_typed = program.is_typed or bool(view.root_of_try)
    return why_program.why(view, program)


def _root_of_try(config: dict[str, Any]) -> str:
    return str((config.get("annotations") or {}).get(TRY) or "")


def _too_long(context: Context) -> str:
    program = context.wanted or Wanted.of_config(context.config.get("process") or {})
    size = sum(len(encode(word)) + 1 for word in (*program.args, *program.env))
    limit = "a quarter of RLIMIT_STACK, at most 6 MiB"  # execve(2), fs/exec.c: bprm_stack_limits
    return f"/process/args and /process/env have {size} bytes, and the kernel takes {limit}"


def _why_hook(error: PyociError, context: Context) -> str:
    """Of a hook that is there, among the host's files, and that the kernel does not execute."""
    _, _, kind, index = error.place.split("/")
    path = context.config["hooks"][kind][int(index)]["path"]
    if not error.errno or kind == "startContainer" or not posix.access(path, posix.F_OK):
        return ""
    return why_program.why(View("/", "/", []), Wanted(args=[path], env=[], cwd="/", uid=0, gid=0))


def _mount(error: PyociError, context: Context) -> str:
    if error.place.endswith("Mappings"):
        return why_user_namespace.of_maps(error.errno)
    entries = context.config.get("mounts") or ()
    number = error.place.rpartition("/")[2]
    if not number.isdecimal() or int(number) >= len(entries):
        return ""  # a mount of ours
    entry = entries[int(number)]
    if error.errno == errno.ENODEV:
        return _no_file_system(entry.get("type") or "")
    source = entry.get("source") or ""
    if error.errno == errno.ENOTBLK:
        return f"losetup --find --show {shown(source)} makes a device of a file" if source else ""
    if error.errno == errno.ENOTDIR:
        view = View(context.rootfs, context.bundle, [*entries[: int(number)]])  # as it was when the mount was tried
        if not _is_bind(entry):
            return why_mount.on_a_file(entry["destination"], view)
        path = source if source.startswith("/") else f"{context.bundle}/{source}"
        return why_mount.unlike(path, entry["destination"], view)
    if _is_bind(entry):
        return why_user_namespace.of_bind(entry, context.config) if error.errno == errno.EPERM else ""
    if error.errno == errno.EPERM:
        return why_user_namespace.of_mount(entry, context.config)
    return why_mount.refused_option(str(error), entry, context.config)


def _is_bind(entry: dict[str, Any]) -> bool:
    return entry.get("type") == "bind" or bool({"bind", "rbind"} & {*(entry.get("options") or ())})


def _no_file_system(name: str) -> str:
    known = [line.split("\t")[-1] for line in beginning("/proc/filesystems").splitlines()]
    if name in known:
        return ""
    if name in _MODULES:
        return f"/proc/filesystems does not have it: it may be a module that is not loaded (modprobe {name})"
    return "/proc/filesystems does not have it" + did_you_mean(name, known)


def _cpus(_: PyociError, context: Context) -> str:
    asked = context.config["linux"]["resources"]["cpu"]["cpus"]
    return f"/linux/resources/cpu/cpus is {show(asked)}, and this host has the CPUs {beginning(_CPUS)}"


def _nodes(_: PyociError, context: Context) -> str:
    asked = context.config["linux"]["resources"]["cpu"]["mems"]
    return f"/linux/resources/cpu/mems is {show(asked)}, and this host has the memory nodes {beginning(_NODES) or '0'}"


def _memory(_: PyociError, context: Context) -> str:
    limit = context.config["linux"]["resources"]["memory"].get("limit")
    if not limit or limit < 0:
        return f"/linux/resources/memory: a container starts with {MEMORY_OF_INIT >> 20} MiB"
    return f"/linux/resources/memory/limit is {limit} bytes, and a container starts with {MEMORY_OF_INIT}"


def _rlimit(error: PyociError, context: Context) -> str:
    if error.errno != errno.EPERM:
        return ""
    text = str(error)
    most = beginning("/proc/sys/fs/nr_open")
    asked = text.partition(" hard=")[2].split(":")[0]
    if "RLIMIT_NOFILE" in text and most.isdigit() and asked.isdigit() and int(asked) > int(most):
        return f"the kernel allows at most {most}, as /proc/sys/fs/nr_open says: /process/rlimits asks for more"
    takes = why_user_namespace.of_capability("CAP_SYS_RESOURCE", context.config)
    return f"the caller's own hard limit is lower, and to raise {takes}: /process/rlimits asks for it"


def _takes(capability: str, number: int = errno.EPERM) -> Judge:
    return lambda error, context: (
        why_user_namespace.of_capability(capability, context.config) if error.errno == number else ""
    )


def _namespaces(error: PyociError, context: Context) -> str:
    if "loopback" in str(error):
        return _takes("CAP_NET_ADMIN")(error, context)
    return why_user_namespace.of_join(str(error), context.config) if error.errno == errno.EPERM else ""


def _user(error: PyociError, context: Context) -> str:
    return why_user_namespace.of_user(error.errno, context.config)


def _scheduler(error: PyociError, context: Context) -> str:
    if error.errno == errno.EBUSY:
        return "the CPUs have not so much time left for SCHED_DEADLINE"
    if error.errno != errno.EPERM:
        return ""
    takes = why_user_namespace.of_capability("CAP_SYS_NICE", context.config, otherwise="")
    return (
        f"{takes}, and a real-time policy in a group of cgroup v1 takes real time for that group, too "
        "(/linux/resources/cpu/realtimeRuntime)"
    )


def _clock(error: PyociError, _: Context) -> str:
    if error.errno != errno.ERANGE:
        return ""
    return "no clock is below 0, or above 146 years; both count from the host's start"


def _affinity(_error: PyociError, _: Context) -> str:
    return f"/process/execCPUAffinity must name CPUs that the container has; this host has the CPUs {beginning(_CPUS)}"


def _keyring(error: PyociError, _: Context) -> str:
    is_refused = error.errno in (errno.EPERM, errno.ENOSYS)
    return "create --no-new-keyring makes a container without one" if is_refused else ""


def _rootfs(error: PyociError, context: Context) -> str:
    path = context.config["root"]["path"]
    below = "" if path.startswith("/") else ", a path below the bundle"
    is_archive = error.errno == errno.ENOTDIR and ".t" in path
    archive = "; an archive must be unpacked into a folder" if is_archive else ""
    shell = "; ~ is the shell's: write the whole path" if path.startswith("~") else ""
    return f"/root/path of config.json is {show(path)}{below}{archive}{shell}"


def _console(_error: PyociError, _: Context) -> str:
    return "--console-socket names a socket on which the caller listens already, for the terminal's descriptor"


def _closed_folder(context: Context) -> str:
    """On the way to the rootfs, one that the root of the container's user namespace cannot pass."""
    mappings = (context.config.get("linux") or {}).get("uidMappings") or ()
    root = next((entry["hostID"] for entry in mappings if entry["containerID"] == 0), 0)
    if not root:
        return ""
    parts = context.rootfs.strip("/").split("/")
    for count in range(1, len(parts) + 1):
        path = "/" + "/".join(parts[:count])
        try:
            status = posix.stat(path)
        except OSError:
            return ""
        if status.st_uid != root and not status.st_mode & 0o001:
            return (
                f"the folder {path} (mode {status.st_mode & 0o7777:04o}, owner {status.st_uid}) is closed to the "
                f"container's root, which is {root} on the host (/linux/uidMappings): chown it, or chmod o+x"
            )
    return ""


# The place of an error (`PyociError.place`), or with a slash at the end its beginning, and the words about it.
_JUDGES: dict[str, Judge] = {
    "/hooks/": _why_hook,
    "/mounts/": _mount,
    "/root/path": _rootfs,
    "/process/cwd": _cwd,
    "/process/rlimits": _rlimit,
    "/process/oomScoreAdj": _takes("CAP_SYS_RESOURCE", errno.EACCES),
    "/process/capabilities/bounding": _takes("CAP_SETPCAP"),
    "/linux/namespaces": _namespaces,
    "/process/user": _user,
    "/process/scheduler": _scheduler,
    "/process/ioPriority": _takes("CAP_SYS_NICE"),
    "/process/execCPUAffinity": _affinity,
    "/linux/timeOffsets/": _clock,
    "/linux/uidMappings": lambda error, _: why_user_namespace.of_maps(error.errno),
    "/linux/gidMappings": lambda error, _: why_user_namespace.of_maps(error.errno),
    "/linux/sysctl/": lambda error, context: why_sysctl.words(error, context.config),
    "/linux/resources/cpu/cpus": _cpus,
    "/linux/resources/cpu/mems": _nodes,
    "/linux/resources/memory": _memory,
    "--console-socket": _console,
    "--pidfd-socket": lambda *_: "--pidfd-socket names a socket on which the caller listens already",
    "--no-new-keyring": _keyring,
}
