"""What the host does while init sets itself up: the host's half of docs/architecture.md's sequence."""

from __future__ import annotations

import posix

from pyoci import phase
from pyoci.errors import ContainerError, SyscallError
from pyoci.host.spawn import Child
from pyoci.init import bootstrap
from pyoci.kernel import procfs, streams
from pyoci.kernel.call import SYS, syscall
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import Plan, Process, on_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyoci.wire.seccomp import SeccompPlan


def release(plan: Plan, child: Child, inherited: Inherited) -> None:
    """Everything init needs before its first step: id maps, oom_score_adj. Then GO."""
    phase("release init")
    if plan.namespaces.user is not None and not bootstrap.needed(plan.namespaces):
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

        net_devices.move(plan.net_devices, child.pid)
    child.channel.send(messages.GO)


def until_ready(
    wanted: Process | None,
    child: Child,
    state_document: dict[str, Any],
    on_terminal: Callable[[int, str], None],
    hooks: dict[str, list[dict[str, Any]]] | None = None,
) -> None:
    """Answer the container's side until it is ready. `on_terminal` gets the terminal's master, and owns it."""
    while True:
        phase("wait for init")
        kind, text, fd = child.channel.expect(messages.HOOKS, messages.TERMINAL, messages.SECCOMP, messages.READY)
        if kind == messages.READY:
            return
        if kind == messages.HOOKS:
            _run_hooks(hooks or {}, state_document)
            child.channel.send(messages.GO)
        elif kind == messages.TERMINAL:
            on_terminal(fd, text)
        elif wanted is not None and wanted.seccomp is not None:
            _hand_over_listener(wanted.seccomp, fd, child.pid, state_document)
        else:
            posix.close(fd)
            raise ContainerError("container side sent a seccomp listener, which nobody asked for")


def _run_hooks(hooks: dict[str, list[dict[str, Any]]], state_document: dict[str, Any]) -> None:
    """runtime.md, steps 3 and 4."""
    phase("prestart and createRuntime hooks")
    from pyoci.host import hooks as runner

    for name in ("prestart", "createRuntime"):
        runner.run(hooks.get(name) or [], state_document, name, state_document["bundle"])


def _hand_over_listener(plan: SeccompPlan, fd: int, pid: int, state_document: dict[str, Any]) -> None:
    phase("hand over the seccomp listener")
    from pyoci.host import seccomp_notify

    try:
        seccomp_notify.send(plan.listener_path or "", plan.listener_metadata, fd, pid, state_document)
    finally:
        posix.close(fd)


def set_oom_score(process: Process, pid: int, proc_fd: int) -> None:
    if process.oom_score_adj is None:
        return
    try:
        procfs.write(proc_fd, f"{pid}/oom_score_adj", str(process.oom_score_adj))
    except SyscallError as error:
        raise SyscallError(error.errno, f"set oomScoreAdj to {process.oom_score_adj}") from None


def set_rlimits(process: Process, pid: int) -> None:
    """prlimit(2) from outside, for a process in a user namespace: that has no privilege to raise a hard limit.

    Last of all, so that a small limit does not hinder what sets the container up.
    """
    import _struct

    for name, number, soft, hard in process.rlimits:
        try:
            syscall(SYS["prlimit64"], pid, number, _struct.pack("=QQ", soft, hard), None)
        except OSError as error:
            raise SyscallError(error.errno or 0, f"set {name} soft={soft} hard={hard}") from None
