"""The host's half of docs/architecture.md's sequence, while init sets itself up."""

from __future__ import annotations

import posix
import select

from pyoci import phase
from pyoci.errors import ContainerError, SyscallError
from pyoci.host import spawn
from pyoci.host.spawn import Child
from pyoci.kernel import proc_stat, procfs, signals, streams
from pyoci.kernel import process as kernel_process
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import BOOTSTRAPPED, UNSEEN, Plan, Process, on_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyoci.cgroups import Cgroup

_STOP_CHECK = 200  # ms
_STOPS_MAX = 25
_STUCK_MAX = messages.PATIENCE * 1000 // _STOP_CHECK


def release(plan: Plan, child: Child, inherited: Inherited) -> None:
    """Everything init needs before its first step: id maps, oom_score_adj, network devices. Then GO."""
    phase("release init")
    if plan.namespaces.user is not None and plan.namespaces.birth not in (BOOTSTRAPPED, UNSEEN):
        from pyoci.host import idmap

        idmap.write_maps(child.pid, plan.namespaces.user, inherited.proc_fd)
    if plan.process is not None:
        set_oom_score(plan.process, child.pid, inherited.proc_fd)
        if plan.namespaces.user is not None and not plan.process.terminal:
            uid = on_host(plan.process.uid, plan.namespaces.user.uid_mappings)
            if uid is not None:
                streams.give(uid, devices=False)  # init may not: the streams' owner is not mapped there
    if plan.net_devices:
        from pyoci.host import net_devices

        child.net_devices = net_devices.move(plan.net_devices, child.pid)
    child.channel.send(messages.GO)


def commit(child: Child) -> None:
    """The container is made: init stays, whatever becomes of us."""
    child.channel.send(messages.GO)
    child.channel.close()
    if child.net_devices is not None:
        child.net_devices.close()


def until_ready(
    plan: Plan,
    child: Child,
    state_document: dict[str, Any],
    on_terminal: Callable[[int, str], None],
    open_source: Callable[[str], int],
) -> None:
    """Answer the container's side until it is ready. `on_terminal` gets the terminal's master, and owns it.

    `open_source` opens the source of the mount with that index. An init that is born unseen takes the place of the
    child that has prepared it.

    Nothing is answered that the plan does not ask for, and nothing twice: a tracer in a PID namespace that was there
    before may have a copy of init's end (pidfd_getfd(2)), and would have sources of volumes opened for itself.
    """
    end = messages.PID if plan.namespaces.birth == UNSEEN else messages.READY
    awaited = _awaited(plan)
    while True:
        phase("wait for init")
        kind, text, fd = child.channel.expect(messages.SOURCE, *awaited, end)
        awaited.discard(kind)
        if kind == messages.READY:
            return
        if kind == messages.PID:
            spawn.replace(child, text)
            return
        if kind == messages.HOOKS:
            _run_hooks(plan.hooks, state_document)
            child.channel.send(messages.GO)
        elif kind == messages.SOURCE:
            tree = open_source(text)
            child.channel.send(messages.TREE, "", tree)
            posix.close(tree)
        elif kind == messages.TERMINAL:
            on_terminal(fd, text)
        else:
            _hand_over_listener(plan.process, fd, child.pid, state_document)


def _awaited(plan: Plan) -> set[str]:
    """The messages that init sends on its way, besides those about sources."""
    kinds = set()
    if plan.hooks.get("prestart") or plan.hooks.get("createRuntime"):
        kinds.add(messages.HOOKS)
    if plan.process is not None and plan.process.terminal:
        kinds.add(messages.TERMINAL)
    return kinds | _of_filter(plan.process)


def _of_filter(process: Process | None) -> set[str]:
    has_listener = process is not None and process.seccomp is not None and process.seccomp.uses_notify
    return {messages.SECCOMP} if has_listener else set()


def _run_hooks(hooks: dict[str, list[dict[str, Any]]], state_document: dict[str, Any]) -> None:
    """runtime.md, steps 3 and 4."""
    phase("prestart and createRuntime hooks")
    from pyoci.host import hooks as runner

    for name in ("prestart", "createRuntime"):
        runner.run(hooks.get(name) or [], state_document, name, state_document["bundle"])


def _hand_over_listener(process: Process | None, fd: int, pid: int, state_document: dict[str, Any]) -> None:
    phase("hand over the seccomp listener")
    try:
        if process is None or process.seccomp is None:
            raise ContainerError("container side sent a seccomp listener, which nobody asked for")
        from pyoci.host import seccomp_notify

        filter_ = process.seccomp
        seccomp_notify.send(filter_.listener_path or "", filter_.listener_metadata, fd, pid, state_document)
    finally:
        posix.close(fd)


def set_oom_score(process: Process, pid: int, proc_fd: int) -> None:
    if process.oom_score_adj is None:
        return
    try:
        procfs.write(proc_fd, f"{pid}/oom_score_adj", str(process.oom_score_adj))
    except SyscallError as error:
        raise SyscallError(error.errno, f"set oomScoreAdj to {process.oom_score_adj}").at(
            "/process/oomScoreAdj"
        ) from None


def set_rlimits(process: Process, pid: int) -> None:
    """From outside: in a user namespace a process has no privilege to raise a hard limit.

    Last of all, so that a small limit does not hinder what sets the container up.
    """
    for name, number, soft, hard in process.rlimits:
        kernel_process.set_rlimit(number, soft, hard, name, pid, kernel_process.RLIMITS)


def raise_hard_limits(process: Process, pid: int) -> None:
    """In a user namespace a process has no privilege to do it; it sets its limits itself, when nothing else is left."""
    for name, number, soft, hard in process.rlimits:
        kernel_process.raise_hard_limit(number, soft, hard, name, pid)


def set_affinity(process: Process, pid: int) -> None:
    """execCPUAffinity.final: once the process is in its cgroup, whose cpuset would undo it."""
    if process.cpu_affinity and process.cpu_affinity[1]:
        kernel_process.set_affinity(process.cpu_affinity[1], pid)


def until_executed(process: Process, child: Child, state_document: dict[str, Any], group: Cgroup | None) -> None:
    """Wait until execve(2) has closed the channel; on the way a filter's listener may come.

    The container sees the process by now and may stop it: it is continued, and killed when it is stopped ever again, or
    when `group` is frozen or waits for memory for as long as that. With CAP_SYS_PTRACE it may take a copy of the
    channel (pidfd_getfd(2)), which nobody closes: so the process is looked at, too.
    """
    from pyoci.host import why_stuck

    stops = stuck = 0
    awaited = _of_filter(process)
    poller = select.poll()
    poller.register(child.channel.fd, select.POLLIN)
    while True:
        if not poller.poll(_STOP_CHECK):
            process_stat = proc_stat.stat(child.pid)
            if process_stat is None or process_stat[0] in proc_stat.DEAD or proc_stat.has_executed(child.pid):
                return
            if process_stat[0] in proc_stat.STOPPED:
                stops += 1
                if stops > _STOPS_MAX:
                    raise ContainerError("the container keeps stopping the process that enters it")
                posix.kill(child.pid, signals.CONT)  # our own child, not waited for yet
            words = why_stuck.frozen_or_starved(child.pid, group) if group is not None else ""
            stuck = stuck + 1 if words else 0
            if stuck > _STUCK_MAX:
                raise ContainerError(words)
            continue
        kind, _, fd = child.channel.expect(*awaited, "")
        if not kind:
            return
        awaited.clear()
        _hand_over_listener(process, fd, child.pid, state_document)
