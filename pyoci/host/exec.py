"""exec: a further process in a running container."""

from __future__ import annotations

import posix

from pyoci import cgroups, jsontext, log, phase
from pyoci.errors import DETACHED_TERMINAL, SOCKET_UNUSED, PyociError, StateError, SyscallError, UsageError
from pyoci.host import handshake, passed_fds, spawn
from pyoci.host.interrupt import undo_when_asked_to_end
from pyoci.host.report_pid import JOINED, report_pid
from pyoci.kernel import namespace, pidfd, procfs, signals, uapi
from pyoci.plan import exec as exec_plan
from pyoci.plan import facts as host_facts
from pyoci.plan.exec import Changes
from pyoci.plan.request import Request
from pyoci.record import Record
from pyoci.spec import bundle as bundles
from pyoci.state import status
from pyoci.state.model import State, document
from pyoci.state.store import CONFIG_FILE, Entry
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import ExecPlan, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.host.relay import Relay

_HAS_STOPPED = "cannot exec in a container that has stopped: "


class Options(Record):
    """The options of the command line; those of the process itself are in `changes`."""

    changes: Changes
    process_file: str = ""
    console_socket: str = ""
    pidfd_socket: str = ""
    pid_file: str = ""
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
        exit_status = relay.wait(child.pid, child.pidfd)
    if exit_status > 128:
        from pyoci.host import why_ended

        why_ended.tell(exit_status, entry, child.pid)
    return exit_status


def begin(entry: Entry, options: Options, on_terminal: Callable[[int, str], None]) -> spawn.Child:
    """The process, once it is the program: a child of the caller's. Raises what makes it impossible."""
    phase("status")
    state = status.made(entry, "cannot exec in container")
    _check_status(entry, state, options)
    phase("plan")
    plan = _plan(entry, state, options)
    if log.is_verbose():
        log.debug(f"plan: {plan!r}")
    program = plan.process
    phase("open namespaces")
    passed_fds.check(program.preserve_fds)
    try:
        inherited = _open(plan, state)
    except PyociError as error:
        raise _cause(error, entry, state, program, options) from None
    group = _group(state, options.cgroups)
    undo_when_asked_to_end()
    try:
        child = spawn.enter(plan, inherited, group, on_terminal, waits_for_thaw=options.ignore_paused)
    except PyociError as error:
        raise _cause(error, entry, state, program, options) from None
    try:
        _limit(plan, state, group, child, inherited)
        report_pid(child.pid, child.pidfd, options.pid_file, options.pidfd_socket, JOINED)
        spawn.let_go(child)
        child.channel.send(messages.GO)
        phase("the process becomes the program")
        handshake.until_executed(
            program, child, document(state, status.RUNNING), None if options.ignore_paused else group
        )
        signals.hold()  # too late for an interrupt: whoever goes on lets them through
    except BaseException as error:
        _let_die(child, group)
        spawn.destroy(child)
        if isinstance(error, PyociError):
            raise _cause(error, entry, state, program, options) from None
        raise
    child.channel.close()
    return child


def _let_die(child: spawn.Child, group: cgroups.Cgroup) -> None:
    """Kill it, and move it back into the container's group: if the container has moved it into one that is frozen, it
    does not die there (v1).
    """
    try:
        pidfd.send(child.pidfd, signals.KILL)
        group.add(child.pid)
    except PyociError:
        pass  # it has ended, or the container is frozen itself


def _limit(plan: ExecPlan, state: State, group: cgroups.Cgroup, child: spawn.Child, inherited: Inherited) -> None:
    phase("join the cgroup, limits")
    group.add(child.pid)
    if state.resctrl:
        from pyoci.cgroups import resctrl

        resctrl.add(state.resctrl, child.pid)
    handshake.set_oom_score(plan.process, child.pid, inherited.proc_fd)
    if not plan.limits_itself:
        handshake.set_rlimits(plan.process, child.pid)
    handshake.set_affinity(plan.process, child.pid)


def _cause(error: PyociError, entry: Entry, state: State, program: Process, options: Options) -> PyociError:
    from pyoci.host import advice, ended_meanwhile

    advice.of_exec(error, entry, state, program, typed=not options.process_file)
    return ended_meanwhile.cause(error, entry, state, _HAS_STOPPED + state.id)


def _check_status(entry: Entry, state: State, options: Options) -> None:
    current = status.status(entry, state)
    if current == status.PAUSED and not options.ignore_paused:
        raise StateError(f"cannot exec in a paused container: {entry.id} (use --ignore-paused to override)")
    if current not in (status.CREATED, status.RUNNING, status.PAUSED):
        raise StateError(f"cannot exec in a {current} container: {entry.id}")


def _plan(entry: Entry, state: State, options: Options) -> ExecPlan:
    config = jsontext.loads(entry.read_file(CONFIG_FILE), what=f"{entry.path}/{CONFIG_FILE}")
    changes = options.changes
    if options.process_file:
        changes.document = jsontext.loads(bundles.read_stream(options.process_file), what=options.process_file)
    request = Request(
        container_id=state.id,
        bundle=state.bundle,
        preserve_fds=options.preserve_fds,
        keyring=state.keyring or None,
    )
    plan = exec_plan.plan(config, changes, request, host_facts.gather())
    for words in plan.warnings:
        log.warning(words)
    if plan.process.terminal and options.detach and not options.console_socket:
        raise UsageError(f"{DETACHED_TERMINAL}; --console-socket names one for the terminal")
    if options.console_socket and not plan.process.terminal:
        raise UsageError(f"{SOCKET_UNUSED}; --tty, or terminal in the file of --process, asks for one")
    return plan


def _open(plan: ExecPlan, state: State) -> Inherited:
    """The namespaces of the container's init, opened while it is known to be that process."""
    init = status.hold_init(state)
    if init is None:
        raise StateError(_HAS_STOPPED + state.id)
    inherited = Inherited(
        proc_fd=procfs.open_root(),
        sources={},
        namespaces=[
            (kind, namespace.open_path(f"/proc/{state.pid}/ns/{uapi.NAMESPACE_FILES[kind]}", kind))
            for kind in plan.namespaces
        ],
    )
    if not plan.has_root:
        root = f"/proc/{state.pid}/root"
        try:
            inherited.rootfs_fd = posix.open(root, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
        except OSError as error:
            raise SyscallError(error.errno or 0, f"open {root}") from None
    if not status.init_lives(state):
        raise StateError(_HAS_STOPPED + state.id)
    pidfd.close(init)
    if plan.process.seccomp is not None:
        from pyoci.host import seccomp

        inherited.seccomp_filter = seccomp.for_container(plan.process.seccomp)
    return inherited


def _group(state: State, asked: list[str]) -> cgroups.Cgroup:
    """The container's cgroup, or with --cgroup one below it."""
    if not asked:
        return cgroups.reopen(state.cgroup)
    from pyoci.cgroups.below import below

    return cgroups.reopen(below(state.cgroup, asked))


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
