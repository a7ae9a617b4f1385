"""THE order of exec: from the fork to a further program in a running container. `sequence` is its elder.

Two processes: the first one prepares everything. It is in all of the container's namespaces except the PID namespace,
whose members therefore cannot see it, stop it or look into it (CVE-2016-9962). Its child is visible to them from its
beginning, and is hardly more than the program: it has the program's ids, root and working directory, no descriptor of
ours except the socket to the host, and of Python's memory nothing.
"""

from __future__ import annotations

import posix

from pyoci import phase
from pyoci.init import bootstrap, main, terminal
from pyoci.init.inside import confine, execute, limits, user, working_directory
from pyoci.kernel import deferred, keyring, lsm, process, signals
from pyoci.kernel.beneath import Root
from pyoci.kernel.deferred import Call
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.messages import Channel
from pyoci.wire.plan import ExecPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def execute_in(plan: ExecPlan, inherited: Inherited, channel: Channel) -> NoReturn:
    """From the runtime's fork to the program's execve(2), which a child of this process makes."""
    _join(plan, inherited)
    main.forget_imports()
    calls = _become_program(plan, inherited, channel)
    if plan.is_held:
        channel.send(messages.HOLD)
        channel.expect(messages.GO)
    process.forget_caller()
    deferred.end_in_child(calls, channel.fd)


def _join(plan: ExecPlan, inherited: Inherited) -> None:
    """Begins in the host's namespaces, with the runtime's ids and capabilities."""
    phase("join the namespaces", side="process")
    planned = plan.process
    process.set_name("pyoci:exec")
    process.die_with_parent(signals.KILL)
    bootstrap.set_affinity(planned.cpu_affinity[0] if planned.cpu_affinity else "", planned.cpu_affinity is not None)
    bootstrap.join_all(inherited.namespaces)
    # container's namespaces except the PID namespace, all capabilities over its user namespace
    in_user_namespace = "user" in plan.namespaces
    if in_user_namespace:
        bootstrap.become_root()
        process.die_with_parent(signals.KILL)  # cleared by the change of ids
    for _, fd in inherited.namespaces:
        posix.close(fd)
    posix.umask(0)
    if planned.keyring is not None:
        if planned.selinux_label:
            lsm.set_selinux_key(inherited.proc_fd, planned.selinux_label)
        keyring.join_session(planned.keyring, others_may_search=in_user_namespace)


def _become_program(plan: ExecPlan, inherited: Inherited, channel: Channel) -> list[Call]:
    """Inside: every path is the container's, and hostile. Returns what is left for the child to do."""
    phase("inside the root")
    planned = plan.process
    if inherited.rootfs_fd >= 0:
        posix.fchdir(inherited.rootfs_fd)
        posix.chroot(".")
    posix.chdir("/")
    root = Root(posix.open("/", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC))
    first = [process.new_session()]
    if planned.terminal:
        terminal.connect(terminal.open_console(root, planned, channel, device=False))
        first.append(terminal.control())
    else:
        user.take_null_device(root, inherited.proc_fd)
    limits.personality(plan.personality)
    limits.place_memory(plan.memory_policy)
    limits.prioritize_io(planned)
    scheduling = limits.schedule(planned)
    if plan.limits_itself:
        first += limits.own(planned)
    env = user.environment(planned, root, inherited.proc_fd)
    rights = confine.prepare(planned, inherited.proc_fd, inherited.seccomp_filter)
    entered = working_directory.enter_early(planned, root, for_another=True)
    user.become(planned, inherited.proc_fd)
    rights.reduce(schedules=bool(scheduling))
    process.set_dumpable(False)  # the change of ids has set it to what /proc/sys/fs/suid_dumpable says
    if not entered:
        working_directory.enter(planned, root, for_another=True)
    path = execute.look_up(planned.args[0], env)
    posix.close(root.fd)
    phase("continue in the PID namespace")
    return execute.prepare(path, planned, env, rights, channel.fd, first=[*first, *scheduling])
