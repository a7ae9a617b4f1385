"""What the container side cannot, or must not, open itself: inherited here, before the fork.

A user namespace's root may not be allowed to search the paths that lead to a rootfs or a volume, and an id-mapped
mount needs privilege over its file system; so the host takes detached clones of both.
"""

from __future__ import annotations

import _socket
import posix

from pyoci.errors import ConfigError, SyscallError
from pyoci.kernel import mount, namespace, procfs, uapi
from pyoci.state.store import START_SOCKET, Entry
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import Mount, Plan


def open_all(plan: Plan, entry: Entry) -> Inherited:
    inherited = Inherited(
        proc_fd=procfs.open_root(),
        start_fd=_bind_start(entry),
        namespaces=[(kind, namespace.open_path(path, kind)) for kind, path in plan.namespaces.joined],
        sources={},
    )
    # an unprivileged runtime has no more access than the container, and no right to clone a mount
    apart = plan.namespaces.has("user") and posix.geteuid() == 0
    if apart and plan.rootfs.pivot != "chroot":
        inherited.rootfs_fd = _clone(plan.rootfs.path, recursive=True)
    _raise_descriptor_limit(len(plan.mounts) if apart or plan.rootfs.propagation == "shared" else 0)
    for index, entry_ in enumerate(plan.mounts):
        if entry_.kind == "bind" and (apart or entry_.idmap or _tells_the_host(entry_, plan)):
            inherited.sources[index] = _open_source(entry_, index, plan, inherited)
    return inherited


def let_go(inherited: Inherited) -> None:
    """Close what init has its own copies of.

    A foreground `run` would keep volumes alive that the container has let go of; and a start socket that outlives a
    dead init would keep the message that nobody reads, and in it the descriptor whose end tells `run` of the death.
    """
    for fd in (inherited.start_fd, inherited.rootfs_fd, *inherited.sources.values()):
        if fd >= 0:
            posix.close(fd)


def _bind_start(entry: Entry) -> int:
    """The socket that `pyoci start` sends to, by a name that is short however long --root is."""
    bound = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        bound.bind(f"/proc/self/fd/{entry.dirfd}/{START_SOCKET}")
    except OSError as error:
        raise SyscallError(error.errno or 0, f"bind {entry.path}/{START_SOCKET}") from None
    return bound.detach()


def _tells_the_host(entry: Mount, plan: Plan) -> bool:
    """Whether what the container mounts in this bind shall show on the host (Kubernetes: Bidirectional).

    As with runc, both the mount and the rootfs must be shared. init has cut itself off from the host when it comes to
    its mounts; this clone is made before, and is a peer of the host's mount if that is shared.
    """
    shared = bool(entry.propagation) and all(flag == uapi.MS_SHARED for flag, _ in entry.propagation)
    return shared and plan.rootfs.propagation == "shared" and not plan.namespaces.has("user")


def _open_source(entry: Mount, index: int, plan: Plan, inherited: Inherited) -> int:
    try:
        tree = _clone(entry.source, recursive=entry.recursive, slave=not _tells_the_host(entry, plan))
    except SyscallError as error:
        raise SyscallError(error.errno, f"mount src={entry.source} dst={entry.destination}") from None
    if entry.idmap:
        user = entry.idmap_mappings or plan.namespaces.user
        if user is None:
            raise ConfigError(
                f"/mounts/{index}/options: {entry.idmap} needs uidMappings and gidMappings, here or of the container"
            )
        from pyoci.host import idmap

        userns = idmap.namespace_of(user, inherited.proc_fd)
        try:
            mount.setattr(
                tree, set=uapi.MOUNT_ATTR_IDMAP, userns_fd=userns, recursive=entry.idmap == "ridmap" and entry.recursive
            )
        except SyscallError as error:
            raise SyscallError(
                error.errno, f"mount src={entry.source} dst={entry.destination} {entry.idmap}: {error.call}"
            ) from None
        finally:
            posix.close(userns)
    return tree


def _clone(path: str, *, recursive: bool, slave: bool = True) -> int:
    """A detached copy that hears of the host's mounts, and unless `slave` is false tells the host of none."""
    tree = mount.open_tree(uapi.AT_FDCWD, path, recursive=recursive)
    if slave:
        mount.setattr(tree, propagation=uapi.MS_SLAVE, recursive=True)
    return tree


def _raise_descriptor_limit(needed: int) -> None:
    """One descriptor a mount: the usual soft limit is 1024, the hard one far above."""
    from pyoci.kernel.process import get_rlimit, set_rlimit

    number = uapi.RLIMITS["RLIMIT_NOFILE"]
    soft, hard = get_rlimit(number)
    if needed + 64 > soft:
        set_rlimit(number, min(needed + 256, hard), hard, "RLIMIT_NOFILE")
