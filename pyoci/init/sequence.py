"""THE order: what init does from its first instruction to the user's program. Every other file owns one step.

config-linux.md and runtime.md give the order of the lifecycle; `create` calls them step by step.
"""

from __future__ import annotations

import posix

from pyoci import phase
from pyoci.errors import ContainerError
from pyoci.init import bootstrap, hooks, main, terminal, waiting
from pyoci.init.inside import (
    confine,
    execute,
    host_name,
    limits,
    sysctl,
    user,
    working_directory,
)
from pyoci.init.outside import devices, masked_paths, mounts, pivot, readonly_paths, rootfs
from pyoci.kernel import capabilities, deferred, keyring, loopback, lsm, namespace, process, signals, uapi
from pyoci.kernel.beneath import Root
from pyoci.kernel.deferred import Call
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.messages import Channel
from pyoci.wire.plan import UNSEEN, Plan, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


def create(plan: Plan, inherited: Inherited, channel: Channel, document: dict[str, Any]) -> None:
    """init, from the fork to the user's program. `document` is the container's state as hooks read it.

    In a PID namespace that others are in already (`unseen`) this process is not init, but stays outside of it and
    invisible; init is its child, and is there only once it has no more than the program may have.
    """
    unseen = plan.namespaces.birth == UNSEEN
    umask = _take_identity(plan, inherited, channel)
    mounted = _build_root(plan, inherited, channel, document, umask)
    root, console = _finish_root(plan, inherited, channel, mounted)
    if plan.process is None:
        _wait_without_process(plan, inherited, channel, unseen)
    path, env, rights, first = _become_program(plan, plan.process, inherited, channel, root, console)
    start_hooks = plan.hooks.get("startContainer")
    if not start_hooks:
        _wait_for_start(plan.process, path, env, rights, inherited.start_fd, channel, first if unseen else None)
    process.close_all_but([*range(3, 3 + plan.process.preserve_fds), inherited.start_fd, channel.fd])
    _hand_over(channel, unseen)
    if unseen:
        _make(first)

    # created; the runtime is gone, `pyoci start` comes next
    phase("wait for start")
    starter = waiting.for_start(inherited.start_fd)
    phase("confine and execute")
    try:
        hooks.run(start_hooks, {**document, "status": "created"}, "startContainer", env=env, before_exec=rights.confine)
        calls = execute.prepare(path, plan.process, env, rights, starter.fd, first=limits.own(plan.process))
        deferred.end(calls, starter.fd)
    except BaseException as error:  # noqa: BLE001  # whatever it is, `start` says it
        main.report(starter, error)
        posix._exit(1)


def _take_identity(plan: Plan, inherited: Inherited, channel: Channel) -> int:
    """First step: all capabilities over the own namespaces, and the host's mount table, or a copy of it when there is
    a new mount namespace. Returns the caller's umask.
    """
    phase("wait for the host", side="init")
    process.set_name("pyoci:init")
    process.die_with_parent(signals.KILL)
    channel.expect(messages.GO)

    phase("identity, keyring, loopback")
    if plan.namespaces.user is not None:
        bootstrap.become_root()
        process.die_with_parent(signals.KILL)  # cleared by the change of ids
    process.new_session().make()
    umask = posix.umask(0)
    process.reset_cpu_affinity()
    if "cgroup" in plan.namespaces.new:
        namespace.unshare(uapi.CLONE_NEWCGROUP, "cgroup namespace")
    if plan.process is not None and plan.process.keyring is not None:
        if plan.process.selinux_label:
            lsm.set_selinux_key(inherited.proc_fd, plan.process.selinux_label)
        keyring.join_session(plan.process.keyring, others_may_search=plan.namespaces.has("user"))
    if "network" in plan.namespaces.new:
        loopback.bring_up()
    main.forget_imports()
    return umask


def _build_root(
    plan: Plan, inherited: Inherited, channel: Channel, document: dict[str, Any], umask: int
) -> dict[int, int]:
    """Second step: paths of the host are still there, paths of the container are reached through `root` only.

    Returns what `mounts.finish` takes.
    """
    phase("mounts")
    root = Root(rootfs.attach(plan, inherited))
    mounted, own_mounts = mounts.apply(plan, inherited, root, lambda index: _source_in_turn(channel, index))
    phase("devices")
    devices.apply(plan, inherited, root, own_mounts)
    phase("hooks")
    if plan.hooks.get("prestart") or plan.hooks.get("createRuntime"):
        channel.send(messages.HOOKS)
        channel.expect(messages.GO)
    hooks.create_container(plan, root, umask, document)
    # what is still missing is made before anything is read-only
    if plan.process is not None:
        working_directory.make(plan.process, root)
    phase("masked paths")
    masked_paths.apply(plan.masked_paths, plan.mount_label, root)
    phase("pivot_root")
    pivot.apply(plan, root, inherited.proc_fd)
    return mounted


def _finish_root(
    plan: Plan, inherited: Inherited, channel: Channel, mounted: dict[int, int]
) -> tuple[Root, int | None]:
    """Third step, inside: every path is the container's, and hostile. Returns the root, and the console if any."""
    phase("inside the root")
    root = Root(posix.open("/", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC))
    console = None
    if plan.process is not None and plan.process.terminal:
        console = terminal.open_console(root, plan.process, channel)
    phase("read-only paths, mounts and root")
    readonly_paths.apply(plan.readonly_paths, root)
    mounts.finish(plan, mounted, root)
    host_name.apply(plan)
    sysctl.apply(plan.sysctl, inherited.proc_fd)
    limits.personality(plan.personality)
    limits.place_memory(plan.memory_policy)
    return root, console


def _become_program(
    plan: Plan, planned: Process, inherited: Inherited, channel: Channel, root: Root, console: int | None
) -> tuple[str, list[str], confine.Confinement, list[Call]]:
    """Fourth step: one program to become, its user, its rights, its place.

    Returns the program's path and environment, the confinement that is left to do, and the calls that a child must
    make first, where init is one.
    """
    unseen = plan.namespaces.birth == UNSEEN
    limits.prioritize_io(planned)
    first = limits.schedule(planned)
    if unseen:
        first = [process.new_session(), *first]
    else:
        _make(first)

    phase("user, rights, working directory")
    env = user.environment(planned, root, inherited.proc_fd)
    if console is not None:
        terminal.connect(console)
        first.append(terminal.control())
        if not unseen:
            _make(first[-1:])
    else:
        user.take_null_device(root, inherited.proc_fd)
    if not plan.namespaces.has("user"):
        limits.raise_hard_limits(planned)
    rights = confine.prepare(planned, inherited.proc_fd, inherited.seccomp_filter)
    entered = working_directory.enter_early(planned, root)
    user.become(planned, inherited.proc_fd)
    rights.label()
    rights.reduce(schedules=unseen and planned.scheduler is not None)
    process.set_dumpable(False)  # the change of ids has set it to what /proc/sys/fs/suid_dumpable says
    if not entered:
        working_directory.enter(planned, root)
    path = execute.look_up(planned.args[0], env)
    posix.close(root.fd)
    if planned.seccomp is not None and planned.seccomp.uses_notify:
        # the listener must have its descriptor before the program can wait for an answer
        channel.send(messages.SECCOMP, "", rights.listen())
    process.forget_caller()
    return path, env, rights, first


def _make(calls: list[Call]) -> None:
    for call in calls:
        call.make()


def _wait_for_start(
    planned: Process,
    path: str,
    env: list[str],
    rights: confine.Confinement,
    start_fd: int,
    channel: Channel,
    first: list[Call] | None,
) -> NoReturn:
    """Hand over, and leave the rest to C: Python has nothing left to do. `first`: of a child, which is init."""
    before = [*(first or ()), *limits.own(planned)]
    calls = execute.prepare(path, planned, env, rights, start_fd, channel.fd, first=before)
    if first is not None:
        signals.end_when_asked()
        deferred.end_in_child(calls, channel.fd, start_fd)
    _hand_over(channel)
    phase("wait for start")
    deferred.end_after_start(calls, start_fd)


def _hand_over(channel: Channel, unseen: bool = False) -> None:
    """From the runtime's care into the state file's: until GO says that it is written, init dies with the runtime.

    `unseen`: init is a child, as with `deferred.end_in_child`, but one that still needs Python.
    """
    signals.end_when_asked()  # before READY: once `create` has said that it is made, `kill` must reach it
    if unseen:
        pid, _ = process.clone(uapi.CLONE_PARENT)
        if pid:
            channel.send(messages.PID, str(pid))
            posix._exit(0)
        posix.environ.clear()
    else:
        process.die_with_parent(0)
        channel.send(messages.READY)
    channel.expect(messages.GO)
    channel.close()


def _source_in_turn(channel: Channel, index: int) -> int:
    """The source of that bind mount, opened by the host: it may lie beneath a mount that has just been made."""
    channel.send(messages.SOURCE, str(index))
    return channel.expect(messages.TREE)[2]


def _wait_without_process(plan: Plan, inherited: Inherited, channel: Channel, unseen: bool) -> NoReturn:
    """runtime.md: `process` is optional, and `start` is an error without it."""
    process.close_all_but([inherited.start_fd, channel.fd])
    capabilities.set(0, 0, 0)
    process.forget_caller()
    _hand_over(channel, unseen)
    while True:
        starter = waiting.for_start(inherited.start_fd)
        starter.send(messages.ERROR, messages.report(ContainerError(f"start {plan.container_id}: no process is set")))
        starter.close()
