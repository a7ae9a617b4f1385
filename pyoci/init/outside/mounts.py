"""`mounts`, in their order (config.md, "Mounts")."""

from __future__ import annotations

import _stat as stat
import errno
import posix

from pyoci.errors import NO_CGROUP, SyscallError, UnsupportedError
from pyoci.init.outside import cgroup_mount, locked, new_filesystem, places, tmpcopyup
from pyoci.init.outside.places import Places
from pyoci.kernel import lsm, mount, uapi
from pyoci.kernel.beneath import Root
from pyoci.kernel.call import shown
from pyoci.record import Record
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import Mount, Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# An image must not choose what these show (CVE-2023-27561, CVE-2023-28642): a new one lies on a real directory.
_ON_REAL_DIRECTORIES = ("proc", "sysfs")


class Context(Record):
    """The common things of all mounts of one container.

    open_source   asks the host for the source of the mount with that index, in its turn
    open_procfs   a procfs that is to show another PID namespace than this process's
    """

    root: Root
    places: Places
    proc_fd: int
    user_namespace: bool
    source_propagation: int  # of a copy of the host's mounts that init makes itself; 0: as it comes
    shared: bool  # new mounts are shared unless they say otherwise
    source_flags: dict[int, int]  # statvfs(3), of bind mounts that are changed later, in a user namespace
    open_source: Callable[[int], int]
    open_procfs: Callable[[], int] | None = None


def apply(
    plan: Plan, inherited: Inherited, root: Root, open_source: Callable[[int], int]
) -> tuple[dict[int, int], set[int]]:
    """Make every mount.

    Returns descriptors of those that `finish` changes, by their index in the plan; and for `devices` the numbers
    (kernel.mount.mount_id) of the rootfs and of those that were made for this container.
    """
    context = Context(
        root=root,
        places=Places(root, inherited.proc_fd),
        proc_fd=inherited.proc_fd,
        user_namespace=plan.namespaces.has("user"),
        # in a namespace of others nothing has been cut off from the host
        source_propagation=plan.rootfs.host_propagation if plan.rootfs.pivot == "chroot" else 0,
        shared=plan.rootfs.shared_mounts,
        source_flags={},
        open_source=open_source,
    )
    if inherited.pid_namespace >= 0:
        context.open_procfs = lambda: new_filesystem.open_procfs(inherited, inherited.pid_namespace)
    mounted: dict[int, int] = {}
    own_mounts = {mount.mount_id(root.fd)}
    for index, entry in enumerate(plan.mounts):
        apply_one(entry, index, mounted, inherited, context, describe(entry))
        if entry.kind == "filesystem":
            own_mounts.add(mount.mount_id(mounted[index]))
        if index in mounted and not entry.read_only_last and not entry.changed_later:
            posix.close(mounted.pop(index))
    return mounted, own_mounts


def apply_one(
    entry: Mount, index: int, mounted: dict[int, int], inherited: Inherited, context: Context, what: str, tree: int = -1
) -> None:
    """Make one mount, or change one of `mounted`; its root goes into `mounted`. `tree`: a file system that is ready."""
    try:
        if entry.kind in ("remount", "change"):
            _change(entry, mounted.get(entry.changes, -1), context)
        elif entry.kind == "filesystem":
            mounted[index] = attach_filesystem(entry, context, what, tree)
        else:
            root = _make(entry, index, inherited, context, what)
            if root >= 0:
                mounted[index] = root
    except SyscallError as error:
        call = error.call if error.call.startswith(what) else f"{what}: {error.call}"
        raise SyscallError(error.errno, call).at(f"/mounts/{index}") from None


def finish(plan: Plan, mounted: dict[int, int], root: Root) -> None:
    """Make read-only all that had to stay writable until now: each tmpfs with `ro`, since mount points and devices are
    made in it, and the rootfs.
    """
    for index, fd in mounted.items():
        if plan.mounts[index].read_only_last:
            # the mount that was made, wherever its path leads by now
            mount.setattr(fd, set=uapi.MOUNT_ATTR_RDONLY)
        posix.close(fd)
    if plan.rootfs.last_propagation:
        mount.setattr(root.fd, propagation=plan.rootfs.last_propagation)
    if plan.rootfs.readonly:
        mount.setattr(root.fd, set=uapi.MOUNT_ATTR_RDONLY)


def describe(entry: Mount) -> str:
    source = f" src={shown(entry.source)}" if entry.source else ""
    fstype = f" type={shown(entry.fstype)}" if entry.fstype and entry.kind != "bind" else ""
    return f"mount{source} dst={shown(entry.destination)}{fstype}"


def open_source(entry: Mount) -> int:
    """A detached copy of what a bind mount shows."""
    return mount.open_tree(uapi.AT_FDCWD, entry.source, recursive=entry.recursive, follow=not entry.source_link)


def attach_bind(entry: Mount, tree: int, context: Context, what: str) -> bool:
    """Put the detached copy `tree` at its destination; false when a link was made there instead."""
    kind = posix.fstat(tree).st_mode
    if stat.S_ISLNK(kind) and entry.source_link == "copy":
        _copy_link(entry, tree, context.root)
        return False
    target, name = _target(entry, stat.S_ISDIR(kind), context)
    try:
        if stat.S_ISDIR(kind) != stat.S_ISDIR(posix.fstat(target).st_mode):
            raise SyscallError(errno.ENOTDIR, what)
        places.check(entry, tree, name, what)
        source_flags = posix.fstatvfs(tree).f_flag if context.user_namespace else None
        if entry.attributes_set or entry.attributes_clear:
            _set_attributes(entry, tree, source_flags, what)
        # what is mounted below, and locked, can be seen once it is attached
        late = context.user_namespace and locked.may_undo_below(entry)
        if not late:
            _set_recursively(entry, tree)
        mount.move(tree, target, what)
        if late:
            try:
                locked.refuse_below(entry, tree, source_flags, context.proc_fd, what)
            except SyscallError:
                mount.detach_by(context.proc_fd, tree, what)
                raise
            _set_recursively(entry, tree)
    finally:
        posix.close(target)
    _propagation(tree, entry, context.shared)
    return True


def attach_filesystem(entry: Mount, context: Context, what: str, ready: int = -1) -> int:
    """Make a new file system at its destination, or attach one that is `ready`; a descriptor of its root."""
    target, mode, name = _directory(entry, context, what)
    try:
        places.check(entry, -1, name, what)
        data = entry.data
        if entry.mode_of_target and mode is not None:
            # as with runc; over none it is the kernel's, 1777
            data += (("mode", f"{mode:o}"),)
        tree = ready if ready >= 0 else new_filesystem.make(entry, data, context.open_procfs)
        if tree is None:
            tree = new_filesystem.make_on(entry, data, target, context.root, what)
            if entry.attributes_set:
                mount.setattr(tree, set=entry.attributes_set)
            detached = False
        else:
            detached = True
        if entry.tmpcopyup:
            tmpcopyup.copy(target, tree, entry.owner_of_target, context.proc_fd)
        _set_recursively(entry, tree)
        if detached:
            mount.move(tree, target, what)
        if entry.root_label:
            lsm.set_selinux_directory(tree, entry.root_label)
        _propagation(tree, entry, context.shared)
        return tree
    finally:
        posix.close(target)


def _make(entry: Mount, index: int, inherited: Inherited, context: Context, what: str) -> int:
    """The new mount's root; -1 where a link was made in its place."""
    if entry.kind == "cgroup":
        if inherited.cgroup is None:
            raise UnsupportedError(f"{what}: there is no cgroup to show: {NO_CGROUP}")
        tree = cgroup_mount.apply(entry, inherited.cgroup, context.root, context.places, what)
        _propagation(tree, entry, context.shared)
        return tree
    tree = inherited.sources.get(index, -1)
    if tree < 0 and index in inherited.asked:
        tree = context.open_source(index)
    elif tree < 0:
        tree = open_source(entry)
        if context.source_propagation:
            mount.setattr(tree, propagation=context.source_propagation, recursive=True)
    if context.user_namespace and entry.changed_later:
        context.source_flags[index] = posix.fstatvfs(tree).f_flag
    if attach_bind(entry, tree, context, what):
        return tree
    posix.close(tree)
    return -1


def _target(entry: Mount, directory: bool, context: Context) -> tuple[int, str]:
    """Where a bind mount goes, and the name of that place (`Places.name`)."""
    root, path = context.root, entry.destination
    if entry.target_nofollow:
        fd = root.open_entry(path)
    else:
        fd = root.find_unlinked(path)
        if fd is not None:
            return fd, path
    if fd is None:
        fd = root.make_directory(path) if directory else root.make_file(path)
    return fd, context.places.name(fd)


def _directory(entry: Mount, context: Context, what: str) -> tuple[int, int | None, str]:
    """Where a new file system goes, its permissions if it was there already, and its name. It is looked up once."""
    root, path = context.root, entry.destination
    on_real_directory = entry.fstype in _ON_REAL_DIRECTORIES
    fd = root.find_unlinked(path)
    name = path
    if fd is None:
        fd = root.open_entry(path) if on_real_directory else root.find(path)
        if fd is None:
            fd = root.make_missing_directory(path)
            return fd, None, context.places.name(fd)
        name = context.places.name(fd)
    mode = posix.fstat(fd).st_mode
    if stat.S_ISDIR(mode):
        return fd, stat.S_IMODE(mode), name
    posix.close(fd)
    if on_real_directory:
        raise UnsupportedError(f"{what}: it must be a directory in the rootfs, not a link or a file")
    raise SyscallError(errno.ENOTDIR, what)


def _copy_link(entry: Mount, link: int, root: Root) -> None:
    """crun's copy-symlink: what is there already must be the same link."""
    text = posix.readlink("", dir_fd=link)
    parent, name = root.parent(entry.destination)
    try:
        posix.symlink(text, name, dir_fd=parent)
    except FileExistsError:
        try:
            same = posix.readlink(name, dir_fd=parent) == text
        except OSError:
            same = False
        if not same:
            raise SyscallError(errno.EEXIST, f"make link {shown(entry.destination)}") from None
    except OSError as error:
        raise SyscallError(error.errno or 0, f"make link {shown(entry.destination)}") from None
    finally:
        posix.close(parent)


def _set_attributes(entry: Mount, fd: int, source_flags: int | None, what: str) -> None:
    """`source_flags`: statvfs(3) of what it shows, in a user namespace, where they are locked; None: none are."""
    set_, clear = entry.attributes_set, entry.attributes_clear
    if source_flags is not None:
        set_, clear = locked.attributes(entry, source_flags, what)
    if not set_ and not clear:
        return
    try:
        mount.setattr(fd, set=set_, clear=clear)
    except SyscallError as error:
        if error.errno != errno.EPERM or source_flags is not None:
            raise
        # the runtime itself lives in a user namespace
        set_, clear = locked.attributes(entry, posix.fstatvfs(fd).f_flag, what)
        mount.setattr(fd, set=set_, clear=clear)


def _set_recursively(entry: Mount, fd: int) -> None:
    if entry.recursive_set or entry.recursive_clear:
        mount.setattr(fd, set=entry.recursive_set, clear=entry.recursive_clear, recursive=True)


def _change(entry: Mount, mounted: int, context: Context) -> None:
    """`remount`, and entries that only say how an existing mount propagates."""
    fd = mounted if mounted >= 0 else context.root.open(entry.destination)
    try:
        if mounted < 0:
            places.check_change(entry, context.places.name(fd), describe(entry))
        if mounted < 0 and not mount.is_mount_root(fd):
            raise UnsupportedError(f"{describe(entry)}: needs a mount to change, and nothing is mounted there")
        if entry.kind == "remount" and (entry.data or entry.superblock):
            mount.reconfigure(fd, entry.superblock, entry.data)
        source_flags = _locked_flags(entry, fd, context)
        if context.user_namespace and locked.may_undo_below(entry):
            locked.refuse_below(entry, fd, source_flags, context.proc_fd, describe(entry))
        if entry.attributes_set or entry.attributes_clear:
            _set_attributes(entry, fd, source_flags, describe(entry))
        _set_recursively(entry, fd)
        _propagation(fd, entry, shared=False)
    finally:
        if mounted < 0:
            posix.close(fd)


def _locked_flags(entry: Mount, fd: int, context: Context) -> int | None:
    """Those of the mount that `entry` changes which it may not undo: of a bind mount what its source had, and all of
    one that the config has not made. None: it is the container's own.
    """
    if not context.user_namespace:
        return None
    if entry.changes in context.source_flags:
        return context.source_flags[entry.changes]
    return None if entry.changes >= 0 else posix.fstatvfs(fd).f_flag


def _propagation(fd: int, entry: Mount, shared: bool) -> None:
    for flag, recursive in entry.propagation or (((uapi.MS_SHARED, True),) if shared else ()):
        mount.setattr(fd, propagation=flag, recursive=recursive)
