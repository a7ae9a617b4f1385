"""exec: a further process in a running container."""

from __future__ import annotations

import posix

from pyoci import cgroups, jsontext, log, phase
from pyoci.errors import ConfigError, PyociError, StateError, UsageError
from pyoci.host import handshake, spawn
from pyoci.host.announce import announce
from pyoci.init import exec_sequence
from pyoci.kernel import namespace, pidfd, procfs, streams, uapi
from pyoci.plan import facts as host_facts
from pyoci.plan import process as process_plan
from pyoci.plan.request import Request
from pyoci.record import Record
from pyoci.spec import bundle as bundles
from pyoci.spec import rules
from pyoci.state import status
from pyoci.state.model import State
from pyoci.state.store import CONFIG_FILE, Entry
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import Namespaces, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyoci.host.relay import Relay


# Of the container's own process, what a file of --process need not repeat: it would be a hole, or a hindrance, where
# it is forgotten. runc has it so.
_INHERITED = ("capabilities", "apparmorProfile", "selinuxLabel", "oomScoreAdj", "rlimits")
# Those of them that an empty value leaves out, too.
_LEFT_OUT: tuple[tuple[str, object], ...] = (("apparmorProfile", ""), ("selinuxLabel", ""), ("rlimits", []))


class Options(Record):
    """What the command line says; None and empty lists leave what the container's own process has."""

    process_file: str = ""
    args: list[str]
    terminal: bool = False
    console_socket: str = ""
    pidfd_socket: str = ""
    pid_file: str = ""
    cwd: str = ""
    env: list[str]
    user: str = ""
    additional_gids: list[int]
    selinux_label: str = ""
    apparmor_profile: str = ""
    no_new_privileges: bool = False
    capabilities: list[str]
    preserve_fds: int = 0
    cgroups: list[str]
    ignore_paused: bool = False
    detach: bool = False
    root: str


def execute(entry: Entry, options: Options) -> int:
    """Run the process; its exit status in the foreground, 0 when detached. Raises what makes it impossible."""
    relay = _relay(options)
    child = begin(entry, options, _on_terminal(options, relay))
    if relay is None:
        return 0
    phase("wait for the program's end")
    with relay:
        return relay.wait(child.pid, child.pidfd)


def begin(entry: Entry, options: Options, on_terminal: Callable[[int, str], None]) -> spawn.Child:
    """The process, once it is the program: a child of the caller's. Raises what makes it impossible."""
    phase("status")
    state = entry.read()
    _check_status(entry, state, options)
    phase("plan")
    config = jsontext.loads(entry.read_file(CONFIG_FILE), what=f"{entry.path}/{CONFIG_FILE}")
    wanted = _plan(config, state, options)
    if wanted.terminal and options.detach and not options.console_socket:
        raise UsageError("a detached process with a terminal needs --console-socket")
    if options.console_socket and not wanted.terminal:
        raise UsageError("--console-socket is given, but the process has no terminal")
    phase("open namespaces")
    streams.check_passed(wanted.preserve_fds)
    namespaces, inherited = _open(config, state, wanted, options)
    personality = process_plan.personality((config.get("linux") or {}).get("personality"))
    group = _group(state, options.cgroups)
    child = spawn.spawn(
        namespaces,
        inherited,
        group.clone_fd(),
        wanted.preserve_fds,
        lambda channel: exec_sequence.execute_in(wanted, personality, inherited, channel),
    )
    try:
        phase("join the cgroup")
        group.add(child.pid)
        handshake.set_oom_score(wanted, child.pid, inherited.proc_fd)
        child.channel.send(messages.GO)
        handshake.until_ready(wanted, child, _document(state), on_terminal)
        phase("limits")
        if namespaces.has("user"):
            handshake.set_rlimits(wanted, child.pid)
        announce(child.pid, child.pidfd, options.pid_file, options.pidfd_socket)
        child.channel.send(messages.GO)
        phase("the process becomes the program")
        child.channel.expect("")  # end of file: execve(2) closed it
    except BaseException:
        spawn.destroy(child)
        raise
    child.channel.close()
    return child


def _check_status(entry: Entry, state: State, options: Options) -> None:
    current = status.status(entry, state)
    if current == status.PAUSED and not options.ignore_paused:
        raise StateError(f"cannot exec in a paused container: {entry.id} (use --ignore-paused to override)")
    if current not in (status.CREATED, status.RUNNING, status.PAUSED):
        raise StateError(f"cannot exec in a {current} container: {entry.id}")


def _plan(config: dict[str, Any], state: State, options: Options) -> Process:
    linux = config.get("linux") or {}
    request = Request(
        container_id=state.id,
        bundle=state.bundle,
        preserve_fds=options.preserve_fds,
        new_keyring=not state.no_new_keyring,
    )
    warnings: list[str] = []
    kinds = [entry["type"] for entry in linux.get("namespaces") or ()]
    planned = process_plan.plan(
        _document_of_process(config, options), linux, request, host_facts.gather(), "user" in kinds, warnings
    )
    for words in warnings:
        log.warning(words, to_log_only=True)
    if planned is None:
        raise ConfigError("/process: missing, there is nothing to execute")
    return planned


def _document_of_process(config: dict[str, Any], options: Options) -> dict[str, Any]:
    """--process FILE, or the container's own `process` with what the command line changes."""
    if options.process_file:
        document = jsontext.loads(bundles.read_file(options.process_file), what=options.process_file)
        _check(document)
        own = config.get("process") or {}
        given = {name: value for name, value in document.items() if (name, value) not in _LEFT_OUT}
        return {**{name: own[name] for name in _INHERITED if name in own}, **given}
    document = dict(config.get("process") or {"cwd": "/"})
    document.pop("consoleSize", None)
    document["args"] = options.args
    document["terminal"] = options.terminal
    document["env"] = [*(document.get("env") or ()), *options.env]
    if options.cwd:
        document["cwd"] = options.cwd
    if options.user:
        document["user"] = (document.get("user") or {}) | parse_user(options.user)
    if options.additional_gids:
        user = dict(document.get("user") or {})
        user["additionalGids"] = [*(user.get("additionalGids") or ()), *options.additional_gids]
        document["user"] = user
    if options.no_new_privileges:
        document["noNewPrivileges"] = True
    if options.apparmor_profile:
        document["apparmorProfile"] = options.apparmor_profile
    if options.selinux_label:
        document["selinuxLabel"] = options.selinux_label
    if options.capabilities:
        document["capabilities"] = _with_capabilities(document.get("capabilities") or {}, options.capabilities)
    _check(document)
    return document


def _check(document: dict[str, Any]) -> None:
    bundles.accept(document, "process")
    problems = rules.check_process(document)
    if problems:
        raise ConfigError(problems)


def parse_user(text: str) -> dict[str, int]:
    """`UID[:GID]`, numbers only: a name, or a number that the image's passwd gives a meaning, would be the image's
    choice of who runs (CVE-2016-3697, CVE-2026-30892).
    """
    uid, colon, gid = text.partition(":")
    found = {}
    for key, value in (("uid", uid), ("gid", gid)):
        if key == "gid" and not colon:
            break
        # 10 digits: int() refuses thousands of them with an error of its own
        if not (value.isascii() and value.isdigit() and len(value) <= 10 and int(value) < 1 << 32):
            raise UsageError(f"--user: found {text!r}, expected UID or UID:GID in numbers")
        found[key] = int(value)
    return found


def _with_capabilities(sets: dict[str, list[str]], more: list[str]) -> dict[str, list[str]]:
    """Not inheritable ones: they would outlive a change of user (CVE-2022-29162, CVE-2022-27650)."""
    changed = {kind: list(names) for kind, names in sets.items()}
    for kind in ("bounding", "effective", "permitted"):
        changed[kind] = [*changed.get(kind, ()), *more]
    return changed


def _open(config: dict[str, Any], state: State, wanted: Process, options: Options) -> tuple[Namespaces, Inherited]:
    """The namespaces of the container's init, inherited while it is known to be that process."""
    init = status.hold_init(state)
    if init is None:
        raise StateError(f"cannot exec in a container that has stopped: {state.id}")
    proc_fd = procfs.open_root()
    kinds = [entry["type"] for entry in (config.get("linux") or {}).get("namespaces") or ()]
    inherited = Inherited(
        proc_fd=proc_fd,
        sources={},
        namespaces=[
            (kind, namespace.open_path(f"/proc/{state.pid}/ns/{uapi.NAMESPACE_FILES[kind]}", kind)) for kind in kinds
        ],
    )
    if "mount" not in kinds:
        inherited.rootfs_fd = posix.open(f"/proc/{state.pid}/root", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    if not status.init_lives(state):
        raise StateError(f"cannot exec in a container that has stopped: {state.id}")
    pidfd.close(init)
    if wanted.seccomp is not None:
        from pyoci.host import seccomp

        inherited.seccomp_program = seccomp.for_container(wanted.seccomp, options.root)
    joined = [(kind, f"/proc/{state.pid}/ns/{uapi.NAMESPACE_FILES[kind]}") for kind in kinds]
    first = wanted.cpu_affinity[0] if wanted.cpu_affinity else ""
    return Namespaces(new=[], joined=joined, time_offsets=[], first_cpus=first), inherited


def _group(state: State, asked: list[str]) -> cgroups.Cgroup:
    """The container's cgroup, or with --cgroup one below it."""
    if not asked:
        return cgroups.reopen(state.cgroup)
    from pyoci.cgroups.below import below

    return cgroups.reopen(below(state.cgroup, asked))


def _document(state: State) -> dict[str, Any]:
    from pyoci.host.status import document

    return document(state, status.RUNNING)


def _relay(options: Options) -> Relay | None:
    if options.detach:
        return None
    from pyoci.host.relay import Relay

    return Relay()


def _on_terminal(options: Options, relay: Relay | None) -> Callable[[int, str], None]:
    if options.console_socket or relay is None:
        from pyoci.host.send_fd import ConsoleSocket

        return ConsoleSocket(options.console_socket)
    return relay.adopt


def failed(error: PyociError) -> PyociError:
    """runc's exit status for a failure of exec itself, which a program's own status is unlikely to be."""
    error.exit_status = 255
    return error
