"""The forks into the container's side: init, a process of exec, and one that changes mounts.

A restore has another one (criu/swrk.py): init/restore_stage.py prepares that process, which then becomes criu.
"""

from __future__ import annotations

import posix

from pyoci import log, phase
from pyoci.errors import ContainerError
from pyoci.init import exec_sequence, main
from pyoci.kernel import process, signals
from pyoci.kernel.pidfd import reap
from pyoci.kernel.pidfd import wait as wait_for_exit
from pyoci.record import Record
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.messages import Channel
from pyoci.wire.plan import BOOTSTRAPPED, UNSEEN, VISITED, ExecPlan, Namespaces, Plan, UserNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyoci.cgroups import Cgroup
    from pyoci.host.namespace_visit import NamespaceVisit
    from pyoci.host.net_devices import Moved

_PATIENCE = 10.0  # seconds
_TRACER_PATIENCE = 1.0  # one that takes notice of its children at all does so at once
_ORPHAN_PATIENCE = 1.0  # it has nothing left to do; other children may be there from before execve(2)
_P_PIDFD = 3  # waitid(2); posix does not have it everywhere


class Child(Record):
    """init, as the host sees it: blocked until the first GO. `net_devices` are to go back if it fails.

    held   it executes nothing before `let_go` (kernel.tracing)
    """

    pid: int
    pidfd: int
    channel: Channel
    held: bool = False
    net_devices: Moved | None = None


def spawn(
    namespaces: Namespaces, inherited: Inherited, group: Cgroup, preserve_fds: int, body: Callable[[Channel], None]
) -> Child:
    """Make a process in these namespaces that runs `body`. On an error nothing is left of it.

    Its channel is watched: neither here nor later does the host wait for a process that cannot go on.
    """
    phase("clone")
    # CVE-2016-9962: what runs in the container's namespaces cannot be looked into from there. Rootless, the id maps
    # are files that belong to root until the process is dumpable.
    process.set_dumpable(namespaces.user is not None and posix.geteuid() != 0)
    # the kernel does not let a process enter a group that its cgroup namespace does not show (nsdelegate,
    # cgroup_procs_write_permission): the host moves it afterwards
    cgroup_fd = -1 if namespaces.joins("cgroup") else group.clone_fd()
    host, container = _pair()
    birth, visit = _way(namespaces)
    pid = pidfd = -1
    try:
        with signals.Delayed():
            if visit is not None:
                pid, pidfd = visit.clone(inherited.namespaces, namespaces.clone_flags, cgroup_fd)
            else:
                pid, pidfd = _clone(birth, namespaces.clone_flags, cgroup_fd)
            if pid == 0:
                host.close()
                main.run(namespaces, birth, inherited, container, cgroup_fd, preserve_fds, body)
        if visit is not None:
            visit.close()
        container.close()
        _watch(host, pid, group)
        if birth == UNSEEN and namespaces.user is not None:
            _write_maps(namespaces.user, inherited, host)
        if pidfd >= 0:
            return Child(pid=pid, pidfd=pidfd, channel=host)
        if namespaces.user is not None:
            _write_maps(namespaces.user, inherited, host)
        init = _number(host.expect(messages.PID)[1])
        pidfd = _own_child(init, pid)
        posix.waitpid(pid, 0)
        _watch(host, init, group)
        return Child(pid=init, pidfd=pidfd, channel=host)
    except BaseException:
        _give_up(pid, host)
        raise
    finally:
        _close(cgroup_fd)


def _pair() -> tuple[Channel, Channel]:
    """The host's end, which tells the calls of the other side with --debug, and the container's."""
    host, container = messages.pair()
    if log.is_verbose():
        host.on_debug = _tell_calls()
    return host, container


def _close(fd: int) -> None:
    if fd >= 0:
        posix.close(fd)


def _way(namespaces: Namespaces) -> tuple[str, NamespaceVisit | None]:
    """How init is made; the visit when it is made during one."""
    if namespaces.birth != VISITED:
        return namespaces.birth, None
    from pyoci.host import namespace_visit

    visit = namespace_visit.prepare([kind for kind, _ in namespaces.joined])
    return (VISITED, visit) if visit is not None else (BOOTSTRAPPED, None)  # there would be no way back


def _clone(birth: str, flags: int, cgroup_fd: int) -> tuple[int, int]:
    """The number and a pidfd of the new process; (0, -1) in it. -1 for the pidfd of one that init is born from."""
    if birth == BOOTSTRAPPED:
        return posix.fork(), -1
    # the child of an unseen one begins where that is: in the container's cgroup
    return process.clone(0 if birth == UNSEEN else flags, cgroup_fd)


def _watch(host: Channel, pid: int, group: Cgroup) -> None:
    ended = False

    def why_stuck() -> str | None:
        nonlocal ended
        from pyoci.host import why_stuck
        from pyoci.kernel import proc_stat

        was_ended, stat = ended, proc_stat.stat(pid)
        ended = stat is None or stat[0] in proc_stat.DEAD
        if ended and was_ended:  # its last message has been read since; another process keeps its end open
            return None
        return why_stuck.why(pid, group)

    host.watch(why_stuck)
    host.how_ended = lambda: _how_ended(pid)


def _how_ended(pid: int) -> str:
    """Words when a signal has killed our child; it has said itself why else it ended."""
    from pyoci.host import why_ended

    return why_ended.of_child(pid)


def _give_up(pid: int, host: Channel) -> None:
    """Any other process ends when the channel does."""
    host.close()
    if pid > 0:
        try:
            posix.kill(pid, signals.KILL)
            posix.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # waited for already
        _reap_others()


def _reap_others() -> None:
    """Wait for the child whose number has not come.

    Left to a parent that waits for nobody (PID 1 of many a container, prctl(2) PR_SET_CHILD_SUBREAPER), it would be a
    zombie in the container's PID namespace, whose init cannot end before it (pid_namespaces(7)).
    """
    import time

    deadline = time.monotonic() + _ORPHAN_PATIENCE
    try:
        while time.monotonic() < deadline:
            if not posix.waitpid(-1, posix.WNOHANG)[0]:
                time.sleep(0.002)
    except ChildProcessError:
        pass


def _write_maps(user: UserNamespace, inherited: Inherited, host: Channel) -> None:
    """For a process that makes its user namespace after it has joined others."""
    from pyoci.host import idmap

    idmap.write_maps(_number(host.expect(messages.MAP)[1]), user, inherited.proc_fd)
    host.send(messages.GO)


def replace(child: Child, text: str) -> None:
    """The process that has prepared init has ended, and this is the number of init."""
    pid = _number(text)
    pidfd = _own_child(pid, child.pid)
    posix.waitpid(child.pid, 0)
    posix.close(child.pidfd)
    child.pid, child.pidfd = pid, pidfd
    child.channel.how_ended = lambda: _how_ended(pid)


def enter(
    plan: ExecPlan,
    inherited: Inherited,
    group: Cgroup,
    on_terminal: Callable[[int, str], None],
    *,
    waits_for_thaw: bool,
) -> Child:
    """A process in a running container that waits for GO, with nothing left to do but its last calls.

    A first process prepares it, which the container does not see (`init.exec_sequence`). On an error nothing is left.
    `waits_for_thaw`: the caller knows that the cgroup may be frozen, and waits.

    The process is visible from its birth on. With CAP_SYS_PTRACE the container could have it fork before the host has
    moved and limited it: so it is held until then, where no user namespace lies between (`plan.is_held`).
    """
    phase("clone")
    process.set_dumpable(False)
    host, container = _pair()
    # The second process begins where the first one is. Not where its number would be one too many for a moment, and
    # where the caller's CPUs count until the process is in its cgroup.
    cgroup_fd = -1 if plan.pids_limited or plan.process.cpu_affinity else group.clone_fd()
    pid = held = -1
    try:
        with signals.Delayed():
            pid, pidfd = process.clone(0, cgroup_fd)
            if pid == 0:
                host.close()
                main.prepare_exec(
                    inherited,
                    container,
                    plan.process.preserve_fds,
                    lambda channel: exec_sequence.execute_in(plan, inherited, channel),
                )
        container.close()
        host.how_ended = lambda: _how_ended(pid)
        if not waits_for_thaw:
            _watch(host, pid, group)
        posix.close(pidfd)
        if plan.process.terminal:
            _, text, fd = host.expect(messages.TERMINAL)
            on_terminal(fd, text)
        if plan.is_held:
            held = _hold(pid, host)
        return _second(pid, host, held=held > 0)
    except BaseException:
        if held > 0:
            posix.kill(held, signals.KILL)  # our child, not waited for yet
        _give_up(pid, host)  # a second process, whose number has not come, ends with the channel
        raise
    finally:
        _close(cgroup_fd)


def _second(first: int, host: Channel, *, held: bool) -> Child:
    """The process that `first` has made before it ended."""
    number = _number(host.expect(messages.PID)[1])
    pidfd = _own_child(number, first)
    posix.waitpid(first, 0)
    host.how_ended = lambda: _how_ended(number)
    return Child(pid=number, pidfd=pidfd, channel=host, held=held)


def _hold(pid: int, host: Channel) -> int:
    """The number of the child that `pid` makes now, held; -1 where nobody may trace it, nor the container."""
    from pyoci.kernel import tracing

    host.expect(messages.HOLD)
    can_hold = tracing.hold_next_child(pid)
    host.send(messages.GO)
    return tracing.held_child(pid, host.wait_until) if can_hold else -1


def let_go(child: Child) -> None:
    """Have a process that was held go on, to wait for GO."""
    if child.held:
        from pyoci.kernel import tracing

        tracing.let_go(child.pid)


def change_mounts(plan: Plan, action: str, inherited: Inherited) -> Child:
    """A process that changes the mounts of a running container: READY when that is done, and GO when it is to stay."""
    from pyoci.init import mounts_sequence  # here, since no other command needs it, and before the fork

    process.set_dumpable(False)
    host, container = _pair()
    with signals.Delayed():
        pid, pidfd = process.clone(0, -1)
        if pid == 0:
            host.close()
            main.run_in(inherited, container, lambda channel: mounts_sequence.change(plan, action, inherited, channel))
    container.close()
    host.watch()
    host.how_ended = lambda: _how_ended(pid)
    return Child(pid=pid, pidfd=pidfd, channel=host)


def _tell_calls() -> Callable[[str], None]:
    """Every system call to the log, from now on; the container's side tells its own."""
    from pyoci.kernel import call_log

    call_log.install(lambda words: log.debug(f"call: {words}"))
    return lambda words: log.debug(f"container's side: {words}")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text)):
        raise ContainerError(f"container side sent {text!r} for a process number")
    return int(text)


def _own_child(pid: int, first: int) -> int:
    """A pidfd of our child with this number. Raises ContainerError when it is another process, or the `first` one.

    The child whose number a PID message has is visible in the container before the message is sent. A tracer in the
    container that has copied its socket may be faster, and would have any process of the host limited, moved and
    killed.
    """
    try:
        pidfd = posix.pidfd_open(pid)
    except ProcessLookupError:
        raise ContainerError(f"container side sent {pid} for its process, which is not there") from None
    try:
        if pid == first:
            raise ChildProcessError
        posix.waitid(_P_PIDFD, pidfd, posix.WEXITED | posix.WNOHANG | posix.WNOWAIT)
    except ChildProcessError:
        posix.close(pidfd)
        raise ContainerError(f"container side sent {pid} for its process, which is another one") from None
    return pidfd


def destroy(child: Child) -> None:
    """Kill init and wait for it: on the way out of a failed create."""
    try:
        posix.kill(child.pid, signals.KILL)  # our own child, not waited for yet: the number cannot mean another process
    except ProcessLookupError:
        pass
    try:
        # Nothing waits for ever: frozen by a parent cgroup of v1, for one, it does not die.
        if wait_for_exit(child.pidfd, _PATIENCE):
            reap(child.pid, _TRACER_PATIENCE)
    except ChildProcessError:
        pass
    child.channel.close()
    posix.close(child.pidfd)
