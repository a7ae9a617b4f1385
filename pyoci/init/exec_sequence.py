"""THE order of exec: from the fork to a further program in a running container. `sequence` is its elder."""

from __future__ import annotations

import posix

from pyoci import phase
from pyoci.init import bootstrap, main, terminal
from pyoci.init.inside import confine, execute, limits, user, working_directory
from pyoci.kernel import deferred, keyring, process
from pyoci.kernel.beneath import Root
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.messages import Channel
from pyoci.wire.plan import Process

_SIGKILL = 9


def execute_in(wanted: Process, personality: int | None, inherited: Inherited, channel: Channel) -> None:
    """# container's namespaces (bootstrap has joined them), all capabilities over its user namespace"""
    phase("wait for the host", side="process")
    process.set_name("pyoci:exec")
    process.die_with_parent(_SIGKILL)
    channel.expect(messages.GO)
    in_user_namespace = any(kind == "user" for kind, _ in inherited.namespaces)
    bootstrap.set_affinity(wanted.cpu_affinity[1] if wanted.cpu_affinity else "", wanted.cpu_affinity is not None)
    phase("identity, keyring")
    posix.setsid()
    posix.umask(0)
    if wanted.keyring is not None:
        keyring.join_session(wanted.keyring, others_may_search=in_user_namespace)
    main.forget_imports()

    phase("inside the root")
    # inside: every path is the container's, and hostile
    if inherited.rootfs_fd >= 0:
        posix.fchdir(inherited.rootfs_fd)
        posix.chroot(".")
    posix.chdir("/")
    root = Root(posix.open("/", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC))
    console = terminal.open_console(root, wanted, channel, device=False) if wanted.terminal else None
    if personality is not None:
        process.set_personality(personality)
    limits.schedule(wanted)
    env = user.environment(wanted, root)
    if console is not None:
        terminal.attach(console)
    working_directory.require(wanted, root)
    if not in_user_namespace:
        limits.set_rlimits(wanted)
    rights = confine.prepare(wanted, inherited.proc_fd, inherited.seccomp_program)
    entered = working_directory.enter_early(wanted)
    user.become(wanted, inherited.proc_fd)
    if not entered:
        working_directory.enter(wanted)
    path = execute.look_up(wanted.args[0], env)
    posix.close(root.fd)
    if wanted.seccomp is not None and wanted.seccomp.uses_notify:
        rights.label()
        channel.send(messages.SECCOMP, "", rights.listen())
    process.die_with_parent(0)
    channel.send(messages.READY)
    channel.expect(messages.GO)
    phase("confine and execute")
    deferred.end(execute.prepare(path, wanted, env, rights, channel.fd), channel.fd)
