"""THE order of `mounts add` and `mounts remove`: in the container's namespaces, except its PID namespace.

What a file system is made of (a block device, the layers of an overlay) is the host's, as with `create`: such a one
is made before the container's mount namespace is joined. From there on every path is the container's, and its
processes run: what they exchange meanwhile is their own, since nothing of the host's is in reach.
"""

from __future__ import annotations

import posix

from pyoci import phase
from pyoci.errors import PyociError, SyscallError, UnsupportedError
from pyoci.init import bootstrap, main
from pyoci.init.outside import mounts, new_filesystem
from pyoci.init.outside.places import Places
from pyoci.kernel import beneath, mount, namespace, process, uapi
from pyoci.kernel.beneath import Root
from pyoci.kernel.call import shown
from pyoci.wire import messages
from pyoci.wire.inherited import Inherited
from pyoci.wire.messages import Channel
from pyoci.wire.plan import Mount, Plan

# The kernel makes these of no file, and some of the namespaces of whoever mounts them.
_OF_NO_FILES = ("proc", "sysfs", "tmpfs", "ramfs", "devpts", "mqueue", "cgroup", "cgroup2")


def change(plan: Plan, action: str, inherited: Inherited, channel: Channel) -> None:
    """Begins in the host's namespaces, with the runtime's ids and capabilities."""
    phase("join the namespaces", side="mounts")
    process.set_name("pyoci:mounts")
    # It does not die with the runtime: what it has added and nobody has recorded, it takes away.
    pid_namespace = next((fd for kind, fd in inherited.namespaces if kind == "pid"), -1)
    of_host = [index for index, entry in enumerate(plan.mounts) if action == "add" and _is_of_host(entry)]
    last = [pair for pair in inherited.namespaces if pair[0] == "mount" and of_host]
    bootstrap.join_all([pair for pair in inherited.namespaces if pair[0] != "pid" and pair not in last])
    if plan.namespaces.has("user"):
        bootstrap.become_root()
    posix.umask(0)
    main.forget_imports()
    trees = _make_of_host(plan, of_host)
    bootstrap.join_all(last)
    if inherited.rootfs_fd >= 0:
        posix.fchdir(inherited.rootfs_fd)
        posix.chroot(".")
    posix.chdir("/")
    root = Root(posix.open("/", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC), places=[])
    if action == "remove":
        roots = _find(plan, inherited, root)
        if _may_go_on(channel):
            for fd, what in reversed(roots):
                mount.detach_by(inherited.proc_fd, fd, what)
            channel.send(messages.READY)
        return
    mounted = _add(plan, inherited, root, pid_namespace, trees)
    if not _may_go_on(channel):
        _undo(mounted, root, inherited)


def _may_go_on(channel: Channel) -> bool:
    """False when the runtime has failed, or was killed: what was added is then in no record."""
    try:
        channel.send(messages.READY)
        return channel.receive()[0] == messages.GO
    except PyociError:
        return False  # whatever keeps its word from coming


def _is_of_host(entry: Mount) -> bool:
    """Whether a new file system may be made of files, which are the host's: the container's own would be its choice."""
    return entry.kind == "filesystem" and entry.fstype not in _OF_NO_FILES


def _make_of_host(plan: Plan, of_host: list[int]) -> dict[int, int]:
    """Detached mounts, by their index in the plan, made where the host's files are visible."""
    if of_host and plan.namespaces.has("user"):
        # fsopen(2) asks for CAP_SYS_ADMIN over the user namespace that owns the mount namespace
        namespace.unshare(uapi.CLONE_NEWNS, "mount namespace")
    trees = {}
    for index in of_host:
        entry = plan.mounts[index]
        what = mounts.describe(entry)
        try:
            tree = new_filesystem.make(entry, entry.data)
        except SyscallError as error:
            raise SyscallError(error.errno, f"{what}: {error.call}") from None
        if tree is None:
            raise UnsupportedError(f"{what}: an existing container takes no option that only mount(2) knows")
        trees[index] = tree
    return trees


def _add(plan: Plan, inherited: Inherited, root: Root, pid_namespace: int, trees: dict[int, int]) -> list[int]:
    """Descriptors of what was mounted; on an error nothing of it stays."""
    context = mounts.Context(
        root=root,
        places=Places(root, inherited.proc_fd),
        proc_fd=inherited.proc_fd,
        user_namespace=plan.namespaces.has("user"),
        source_propagation=0,
        shared=plan.rootfs.shared_mounts,
        source_flags={},
        open_source=inherited.sources.__getitem__,
    )
    if pid_namespace >= 0:
        context.open_procfs = lambda: new_filesystem.open_procfs(inherited, pid_namespace)
    mounted: dict[int, int] = {}
    try:
        for index, entry in enumerate(plan.mounts):
            what = mounts.describe(entry)
            mounts.apply_one(entry, index, mounted, inherited, context, what, trees.get(index, -1))
            if entry.read_only_last:
                mount.setattr(mounted[index], set=uapi.MOUNT_ATTR_RDONLY)
    except BaseException:
        _undo(list(mounted.values()), root, inherited)
        raise
    return list(mounted.values())


def _find(plan: Plan, inherited: Inherited, root: Root) -> list[tuple[int, str]]:
    """The recorded mounts to be removed that are still there: descriptors, and words for an error.

    A container that may unmount can have been faster, and so can a `remove` that was killed before its last step.
    """
    places = Places(root, inherited.proc_fd)
    roots: list[tuple[int, str]] = []
    for entry in plan.mounts:
        what = f"unmount {shown(entry.destination)}"
        fd = root.find(entry.destination)
        if fd is not None and places.name(fd) in ("/", ""):
            raise UnsupportedError(f"{what}: it leads to the container's root")
        if fd is not None and mount.is_mount_root(fd):
            roots.append((fd, what))
    return roots


def _undo(mounted: list[int], root: Root, inherited: Inherited) -> None:
    """Take away the mounts, and then the places that were made for them."""
    for fd in reversed(mounted):
        try:
            mount.detach_by(inherited.proc_fd, fd, "unmount")
        except SyscallError:
            continue  # the container's processes were faster
    beneath.remove_made(root.places or [])
