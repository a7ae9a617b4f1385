"""Before Linux 6.18: the parent of a process that is in a container's PID namespace to open a procfs there.

That child is visible to whoever is in the namespace. With CAP_SYS_PTRACE and without a user namespace between the two,
they may look into it and let it make other calls. So this process, which they do not see, gives up all that it has
before it makes the child: descriptors, root, capabilities, memory, and system calls (kernel/_opener.c).
"""

from __future__ import annotations

import posix

from pyoci.errors import SyscallError
from pyoci.kernel import _raw, capabilities, mount, namespace, process, signals, uapi
from pyoci.wire.messages import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_NOTHING = uapi.MOUNT_ATTR_RDONLY | uapi.MOUNT_ATTR_NOSUID | uapi.MOUNT_ATTR_NODEV | uapi.MOUNT_ATTR_NOEXEC
_SYS_ADMIN = 1 << uapi.CAP_SYS_ADMIN


def become(pid_namespace: int, channel: Channel) -> NoReturn:
    """Begins in the host's namespaces. The message PROCFS has the descriptor."""
    process.set_name("pyoci:procfs")
    process.die_with_parent(signals.KILL)
    process.set_dumpable(False)
    for fd in {0, 1, 2} - {pid_namespace, channel.fd}:
        _close(fd)
    _enter_an_empty_root()
    namespace.join(pid_namespace, uapi.CLONE_NEWPID, "pid namespace")
    posix.close(pid_namespace)
    capabilities.set(_SYS_ADMIN, _SYS_ADMIN, 0)
    process.forget_caller()
    _raw.end_with_procfs(channel.fd)


def _close(fd: int) -> None:
    try:
        posix.close(fd)
    except OSError:
        pass  # the caller of the runtime had closed it


def _enter_an_empty_root() -> None:
    folder = mount.filesystem("tmpfs", "", (), (), _NOTHING)
    try:
        posix.fchdir(folder)
        posix.chroot(".")
    except OSError as error:
        raise SyscallError(error.errno or 0, "chroot into an empty file system") from None
    posix.close(folder)
