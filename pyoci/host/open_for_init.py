"""Files that the container side cannot, or must not, open itself: opened here, before the fork.

A user namespace's root may not be allowed to search the paths that lead to a rootfs or a volume, and an id-mapped
mount needs privilege over its file system; so the host takes detached clones of both.
"""

from __future__ import annotations

import _socket
import _stat as stat
import posix

from pyoci.errors import ConfigError, SyscallError, UnsupportedError
from pyoci.kernel import mount, namespace, procfs, uapi
from pyoci.kernel.call import shown
from pyoci.plan.facts import is_own_namespace
from pyoci.state.store import START_SOCKET, Entry
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import DEVICE_MODE, Device, Mount, Plan, UserNamespace, on_host

_KINDS = {"c": stat.S_IFCHR, "b": stat.S_IFBLK}


def open_all(plan: Plan, entry: Entry) -> Inherited:
    inherited = Inherited(
        proc_fd=procfs.open_root(),
        start_fd=_bind_start(entry),
        namespaces=[(kind, _open_namespace(kind, path)) for kind, path in plan.namespaces.joined],
        sources={},
    )
    # an unprivileged runtime has no more access than the container, and no right to clone a mount
    apart = plan.namespaces.has("user") and posix.geteuid() == 0
    if apart and plan.rootfs.pivot != "chroot":
        inherited.rootfs_fd = _clone(plan.rootfs.path, recursive=True, propagation=plan.rootfs.host_propagation)
    _raise_descriptor_limit(len(plan.mounts) if apart or plan.rootfs.last_propagation == uapi.MS_SHARED else 0)
    for index, mount_plan in enumerate(plan.mounts):
        if mount_plan.kind == "bind" and (apart or mount_plan.idmap or _tells_the_host(mount_plan, plan)):
            tree = _open_now(mount_plan, index, plan, inherited.proc_fd)
            if tree is None:
                inherited.asked += (index,)
            else:
                inherited.sources[index] = tree
    if any(device.how == "outside" for device in plan.devices):
        inherited.devices_fd = _make_devices(plan)
    return inherited


def _open_namespace(kind: str, path: str) -> int:
    fd = namespace.open_path(path, kind)
    if is_own_namespace(fd, kind):  # it was not when the plan was made
        posix.close(fd)
        raise UnsupportedError(f"join {kind} namespace {path}: it has become the runtime's own")
    return fd


def open_procfs(plan: Plan, inherited: Inherited) -> None:
    """One for each that the plan mounts, where it is to show a PID namespace that is joined. Raises PyociError."""
    joined = [fd for kind, fd in inherited.namespaces if kind == "pid"]
    entries = [entry for entry in plan.mounts if entry.kind == "filesystem" and entry.fstype == "proc"]
    if not joined or not entries:
        return
    from pyoci.host import procfs_opener

    for entry in entries:
        context = procfs_opener.open_for(joined[0], f"mount type=proc dst={shown(entry.destination)}")
        if context < 0:
            return
        inherited.procfs += (context,)


def close_given(inherited: Inherited) -> None:
    """Close what init has its own copies of.

    A foreground `run` would keep volumes alive that the container has let go of; and a start socket that outlives a
    dead init would keep the message that nobody reads, and in it the descriptor whose end tells `run` of the death.
    """
    single = (inherited.start_fd, inherited.rootfs_fd, inherited.devices_fd)
    for fd in (*single, *inherited.procfs, *inherited.sources.values()):
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
    return shared and plan.rootfs.last_propagation == uapi.MS_SHARED and not plan.namespaces.has("user")


def _open_now(entry: Mount, index: int, plan: Plan, proc_fd: int) -> int | None:
    """A source's clone; None when it lies in the rootfs, where mounts of the container may be on the way to it."""
    prefix = plan.rootfs.path.rstrip("/") + "/"
    if entry.source.startswith(prefix):
        return None
    flags = posix.O_PATH | posix.O_CLOEXEC | (posix.O_NOFOLLOW if entry.source_link else 0)
    try:
        place = posix.open(entry.source, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None  # a link may lead to what an earlier mount brings
    except OSError as error:
        raise SyscallError(error.errno or 0, _words(entry)).at(f"/mounts/{index}") from None
    try:
        # the place itself is asked for its path: a detached mount shows none
        if f"{posix.readlink(f'self/fd/{place}', dir_fd=proc_fd)}/".startswith(
            f"{procfs.real_path(plan.rootfs.path).rstrip('/')}/"
        ):
            return None
        return open_source(entry, index, plan, proc_fd, place)
    finally:
        posix.close(place)


def _words(entry: Mount) -> str:
    return f"mount src={shown(entry.source)} dst={shown(entry.destination)}"


def open_source(entry: Mount, index: int, plan: Plan, proc_fd: int, place: int = -1) -> int:
    """A detached clone of a bind mount's source, with its ids mapped where that is asked for.

    `place` is the source where it is open already.
    """
    what = _words(entry)
    propagation = 0 if _tells_the_host(entry, plan) else plan.rootfs.host_propagation
    try:
        if place >= 0:
            tree = _clone("", place, recursive=entry.recursive, propagation=propagation)
        else:
            follow = not entry.source_link
            tree = _clone(entry.source, recursive=entry.recursive, propagation=propagation, follow=follow)
    except SyscallError as error:
        raise SyscallError(error.errno, what).at(f"/mounts/{index}") from None
    if entry.idmap:
        user = entry.idmap_mappings or plan.namespaces.user
        if user is None:
            raise ConfigError(
                f"/mounts/{index}/options: {entry.idmap} needs uidMappings and gidMappings, here or of the container"
            )
        _map_ids(tree, entry, user, proc_fd, f"/mounts/{index}")
    return tree


def _map_ids(tree: int, entry: Mount, user: UserNamespace, proc_fd: int, place: str) -> None:
    from pyoci.host import idmap

    userns = -1
    try:
        userns = idmap.namespace_of(user, proc_fd, (f"{place}/uidMappings", f"{place}/gidMappings"))
        mount.setattr(
            tree, set=uapi.MOUNT_ATTR_IDMAP, userns_fd=userns, recursive=entry.idmap == "ridmap" and entry.recursive
        )
    except SyscallError as error:
        raise SyscallError(error.errno, f"{_words(entry)} {entry.idmap}: {error.call}").at(
            error.place or place
        ) from None
    finally:
        if userns >= 0:
            posix.close(userns)


def _clone(path: str, dirfd: int = uapi.AT_FDCWD, *, recursive: bool, propagation: int, follow: bool = True) -> int:
    """A detached copy; with `propagation` 0 it stays a peer of the host's mount, if that is shared."""
    tree = mount.open_tree(dirfd, path, recursive=recursive, follow=follow)
    if propagation:
        mount.setattr(tree, propagation=propagation, recursive=True)
    return tree


def _make_devices(plan: Plan) -> int:
    """A tmpfs with the config's nodes, that no mount namespace has: a user namespace may bind them, and make none."""
    folder = mount.filesystem("tmpfs", "", (), (("mode", "755"),), uapi.MOUNT_ATTR_NOSUID | uapi.MOUNT_ATTR_NOEXEC)
    umask = posix.umask(0)
    try:
        for index, device in enumerate(plan.devices):
            if device.how == "outside":
                _make_device(device, index, folder, plan)
    except BaseException:
        posix.close(folder)
        raise
    finally:
        posix.umask(umask)
    return folder


def _make_device(device: Device, index: int, folder: int, plan: Plan) -> None:
    user = plan.namespaces.user
    uid, gid = device.uid or 0, device.gid or 0
    if user is not None:
        host_uid, host_gid = on_host(uid, user.uid_mappings), on_host(gid, user.gid_mappings)
        if host_uid is None or host_gid is None:
            raise ConfigError(f"device {shown(device.path)}: owner {uid}:{gid} is not mapped in the user namespace")
        uid, gid = host_uid, host_gid
    mode = _KINDS[device.kind] | (DEVICE_MODE if device.mode is None else device.mode)
    try:
        posix.mknod(str(index), mode, posix.makedev(device.major, device.minor), dir_fd=folder)
        posix.chown(str(index), uid, gid, dir_fd=folder, follow_symlinks=False)
    except PermissionError:
        return  # the runtime itself lives in a user namespace: init binds the host's node
    except OSError as error:
        raise SyscallError(error.errno or 0, f"make device {shown(device.path)}") from None


def _raise_descriptor_limit(needed: int) -> None:
    """One descriptor a mount: the usual soft limit is 1024, the hard one far above."""
    from pyoci.kernel.process import get_rlimit, set_rlimit

    number = uapi.RLIMITS["RLIMIT_NOFILE"]
    soft, hard = get_rlimit(number)
    if needed + 64 > soft:
        set_rlimit(number, min(needed + 256, hard), hard, "RLIMIT_NOFILE")
