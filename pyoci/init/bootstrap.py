"""The short-lived process between host and init: it joins namespaces, and makes the clocks of a time namespace.

It exists only where the host cannot step in and out again (host/namespace_visit.py): a user namespace has no way
back, and a time namespace changes the clocks of its members, and its offsets must be written before it has any
(time_namespaces(7)). init is made with CLONE_PARENT, so that it is the runtime's own child and, when that has gone,
the engine's.
"""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import namespace, process, procfs, uapi
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.messages import Channel
from pyoci.wire.plan import Namespaces


def become_init(namespaces: Namespaces, inherited: Inherited, channel: Channel, cgroup_fd: int) -> bool:
    """Join, unshare and clone. True in init; the bootstrap process gets False and has nothing left to do."""
    process.set_name("pyoci:boot")
    flags = enter(namespaces, inherited, channel)
    if namespaces.user is not None or namespaces.joins("user"):
        # the group belongs to the host's root, which this is no longer (clone3(2): EACCES); the host moves init there
        cgroup_fd = -1
    pid, pidfd = process.clone(flags | uapi.CLONE_PARENT, cgroup_fd)
    if pid == 0:
        return True
    posix.close(pidfd)
    channel.send(messages.PID, str(pid))
    return False


def enter(namespaces: Namespaces, inherited: Inherited, channel: Channel) -> int:
    """Join what is joined, make the user and the time namespace; the flags of what is still to be made.

    Begins in the host's mount namespace, with the runtime's uid and capabilities, in a single thread.
    """
    join_all(inherited.namespaces)
    flags = namespaces.clone_flags
    if namespaces.user is not None:
        namespace.unshare(uapi.CLONE_NEWUSER, "user namespace")
        flags &= ~uapi.CLONE_NEWUSER
        channel.send(messages.MAP, str(_pid_on_host(inherited.proc_fd)))
        channel.expect(messages.GO)
    if "time" in namespaces.new:
        namespace.unshare(uapi.CLONE_NEWTIME, "time namespace")
        flags &= ~uapi.CLONE_NEWTIME
        for clock, seconds, nanoseconds in namespaces.time_offsets:
            try:
                procfs.write_self(inherited.proc_fd, "timens_offsets", f"{clock} {seconds} {nanoseconds}")
            except SyscallError as error:
                what = f"/linux/timeOffsets/{clock}: set the clock on by {seconds} s and {nanoseconds} ns"
                raise SyscallError(error.errno, what).at(f"/linux/timeOffsets/{clock}") from None
    if namespaces.user is not None or namespaces.joins("user"):
        become_root()
    return flags


def join_all(inherited: list[tuple[str, int]]) -> None:
    """Join every namespace; the user namespace last where that is possible.

    A privileged runtime may enter the others only while it still has its own user namespace; an unprivileged one
    only after it has entered the container's. So what is refused is tried again on the other side.
    """
    refused: list[tuple[str, int]] = []
    for kind, fd in inherited:
        if kind == "user":
            continue
        try:
            namespace.join(fd, uapi.NAMESPACE_FLAGS[kind], f"{kind} namespace")
        except SyscallError as error:
            if error.errno != errno.EPERM:
                raise
            refused.append((kind, fd))
    for kind, fd in inherited:
        if kind == "user":
            namespace.join(fd, uapi.CLONE_NEWUSER, "user namespace")
    for kind, fd in refused:
        namespace.join(fd, uapi.NAMESPACE_FLAGS[kind], f"{kind} namespace")


def set_affinity(cpus: str, by_config: bool) -> None:
    """`execCPUAffinity` (config.md); without one the cpuset alone decides."""
    if not by_config:
        process.reset_cpu_affinity()
    elif cpus:
        process.set_affinity(cpus)


def become_root() -> None:
    """Take the ids 0 of the user namespace; where they are not mapped, the creator's capabilities do.

    The kernel resets `dumpable` with the ids, so it is cleared again (CVE-2016-9962).
    """
    for set_ids, ids in ((posix.setresgid, (0, 0, 0)), (posix.setresuid, (0, 0, 0))):
        try:
            set_ids(*ids)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise SyscallError(error.errno or 0, "become root of the user namespace") from None
    process.set_dumpable(False)


def _pid_on_host(proc_fd: int) -> int:
    return int(posix.readlink("self", dir_fd=proc_fd))
