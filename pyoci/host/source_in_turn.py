"""A bind mount's source that may lie beneath an earlier mount of the same container: opened when its turn has come.

Only the container's mount namespace has those mounts, and only the host may search every path and map ids. So a process
of the host steps into that namespace, which still has the host's root, and sends what it has opened.
"""

from __future__ import annotations

import posix

from pyoci.errors import ContainerError
from pyoci.host import idmap, open_for_init  # noqa: F401  # idmap: nothing is imported in the container's namespaces
from pyoci.kernel import namespace, procfs, signals, uapi
from pyoci.wire import messages
from pyoci.wire.messages import Channel
from pyoci.wire.plan import Plan


def open_for(plan: Plan, text: str, pid: int, proc_fd: int) -> int:
    """The source of the mount with the index `text`, for the container's init `pid`."""
    index = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not 0 <= index < len(plan.mounts) or plan.mounts[index].kind != "bind":
        raise ContainerError(f"container side asked for the source of mount {text[:20]!r}")
    host, helper = messages.pair()
    child = -1
    try:
        with signals.Delayed():
            child = posix.fork()
            if child == 0:
                _send(plan, index, pid, proc_fd, helper)
        helper.close()
        host.watch()
        return host.expect(messages.TREE)[2]
    except BaseException:
        if child > 0:
            posix.kill(child, signals.KILL)  # it may wait for a file system that does not answer
        raise
    finally:
        host.close()
        if child > 0:
            posix.waitpid(child, 0)


def _send(plan: Plan, index: int, pid: int, proc_fd: int, channel: Channel) -> None:
    try:
        signals.let_through()
        container = procfs.open_link(proc_fd, f"{pid}/ns/mnt")
        namespace.join(container, uapi.CLONE_NEWNS, "mount namespace of the container")
        tree = open_for_init.open_source(plan.mounts[index], index, plan, proc_fd)
        channel.send(messages.TREE, "", tree)
    except BaseException as error:  # noqa: BLE001  # the host says what it was
        channel.send(messages.ERROR, messages.report(error))
    posix._exit(0)
