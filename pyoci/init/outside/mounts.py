"""`mounts`, in their order (config.md, "Mounts")."""

from __future__ import annotations

import _stat as stat
import errno
import posix

from pyoci.errors import SyscallError, UnsupportedError
from pyoci.init.outside import cgroup_mount, tmpcopyup
from pyoci.kernel import lsm, mount, uapi
from pyoci.kernel.beneath import Root
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import Mount, Plan

# An image must not choose what these show (CVE-2019-16884, CVE-2019-19921): a new one, on a real directory, or a
# bind mount of a real one.
_KERNEL_FILESYSTEMS = {"proc": uapi.PROC_SUPER_MAGIC, "sysfs": uapi.SYSFS_MAGIC}


def apply(plan: Plan, inherited: Inherited, root: Root) -> list[Mount]:
    """Make every mount; returns those that `finish` makes read-only when all is in place."""
    late = []
    for index, entry in enumerate(plan.mounts):
        if entry.fstype == "tmpfs" and entry.kind == "filesystem" and entry.attributes_set & uapi.MOUNT_ATTR_RDONLY:
            # mount points and devices still have to be made in it
            entry.attributes_set &= ~uapi.MOUNT_ATTR_RDONLY
            late.append(entry)
        _apply(plan, entry, inherited, inherited.sources.get(index, -1), root)
    return late


def finish(plan: Plan, late: list[Mount], root: Root) -> None:
    """Read-only at last: the late ones, and the rootfs itself; then the propagation of the rootfs."""
    for entry in late:
        fd = root.open(entry.destination)
        mount.setattr(fd, set=uapi.MOUNT_ATTR_RDONLY)
        posix.close(fd)
    if plan.rootfs.pivot == "chroot":
        return
    if plan.rootfs.propagation == "shared":
        mount.setattr(root.fd, propagation=uapi.MS_SHARED)
    elif plan.rootfs.propagation == "unbindable":
        mount.setattr(root.fd, propagation=uapi.MS_UNBINDABLE)
    if plan.rootfs.readonly:
        mount.setattr(root.fd, set=uapi.MOUNT_ATTR_RDONLY)


def _apply(plan: Plan, entry: Mount, inherited: Inherited, source_fd: int, root: Root) -> None:
    what = _describe(entry)
    try:
        if entry.kind == "bind":
            _bind(entry, source_fd, root, what)
        elif entry.kind == "filesystem":
            _filesystem(entry, root, what)
        elif entry.kind == "cgroup" and inherited.cgroup is not None:
            cgroup_mount.apply(entry, inherited.cgroup, root, what)
        else:
            _change(entry, root)
    except SyscallError as error:
        if error.call == what:
            raise
        raise SyscallError(error.errno, f"{what}: {error.call}") from None


def _describe(entry: Mount) -> str:
    source = f" src={entry.source}" if entry.source else ""
    fstype = f" type={entry.fstype}" if entry.fstype and entry.kind != "bind" else ""
    return f"mount{source} dst={entry.destination}{fstype}"


def _bind(entry: Mount, source_fd: int, root: Root, what: str) -> None:
    tree = source_fd
    if tree < 0:
        tree = mount.open_tree(uapi.AT_FDCWD, entry.source, recursive=entry.recursive)
    is_directory = stat.S_ISDIR(posix.fstat(tree).st_mode)
    target = root.make_directory(entry.destination) if is_directory else root.make_file(entry.destination)
    try:
        _refuse_proc_entry(entry, tree, target)
        mount.move(tree, target, what)
        _attributes(tree, entry)
        _propagation(tree, entry)
    finally:
        posix.close(target)
        posix.close(tree)


def _refuse_proc_entry(entry: Mount, tree: int, target: int) -> None:
    """Over /proc itself goes only a procfs: LSM labels and sysctls would be written to a fake one.

    CVE-2019-16884, CVE-2019-19921, CVE-2025-52881. Over files inside procfs, mounts are the config's business
    (engines put lxcfs there).
    """
    expected = {"/proc": "proc", "/sys": "sysfs"}.get(entry.destination)
    if expected == "proc" and mount.magic(tree) != _KERNEL_FILESYSTEMS["proc"]:
        raise UnsupportedError(f"mount {entry.source} over /proc: it is not a procfs, and only that may lie there")


def _filesystem(entry: Mount, root: Root, what: str) -> None:
    _refuse_link(entry, root)
    entry.data += _mode_beneath(entry, root)
    target = root.make_directory(entry.destination)
    try:
        if entry.classic_flags or any(len(value or "") > mount.FSCONFIG_STRING_MAX for _, value in entry.data):
            tree = _classic(entry, target, root, what)
        else:
            tree = mount.filesystem(entry.fstype, entry.source, entry.superblock, entry.data)
            _attributes(tree, entry)
            if entry.tmpcopyup:
                tmpcopyup.copy(target, tree)
            mount.move(tree, target, what)
        if entry.root_label:
            lsm.set_selinux_directory(tree, entry.root_label)
        _propagation(tree, entry)
        posix.close(tree)
    finally:
        posix.close(target)


def _mode_beneath(entry: Mount, root: Root) -> tuple[tuple[str, str | None], ...]:
    """A tmpfs that names no mode has that of the folder it hides, as with runc; over none the kernel's, 1777."""
    if entry.fstype != "tmpfs" or any(key == "mode" for key, _ in entry.data):
        return ()
    fd = root.find(entry.destination)
    if fd is None:
        return ()
    mode = stat.S_IMODE(posix.fstat(fd).st_mode)
    posix.close(fd)
    return (("mode", f"{mode:o}"),)


def _refuse_link(entry: Mount, root: Root) -> None:
    """/proc and /sys must be directories of the rootfs, not links (CVE-2023-27561, CVE-2023-28642)."""
    if entry.fstype not in _KERNEL_FILESYSTEMS:
        return
    parent, name = root.parent(entry.destination)
    try:
        kind = posix.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    finally:
        posix.close(parent)
    if not stat.S_ISDIR(kind):
        raise UnsupportedError(
            f"mount {entry.fstype} on {entry.destination}: it must be a directory in the rootfs, not a link or a file"
        )


def _classic(entry: Mount, target: int, root: Root, what: str) -> int:
    """mount(2) on the working directory, which is the target; then what is on top there."""
    data = ",".join(key if value is None else f"{key}={_quoted(key, value)}" for key, value in entry.data)
    flags = entry.classic_flags
    for name, flag in (("sync", uapi.MS_SYNCHRONOUS), ("dirsync", uapi.MS_DIRSYNC), ("lazytime", uapi.MS_LAZYTIME)):
        flags |= flag if name in entry.superblock else 0
    flags |= uapi.MS_RDONLY if "ro" in entry.superblock else 0
    here = posix.open(".", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        posix.fchdir(target)
        mount.classic(entry.source or entry.fstype, entry.fstype, flags, data, what)
        posix.fchdir(here)
    finally:
        posix.close(here)
    tree = root.open(entry.destination)
    _attributes(tree, entry)
    return tree


def _quoted(key: str, value: str) -> str:
    """Commas separate options in a string, and the categories in a context (mount(8), "context=")."""
    return f'"{value}"' if key.endswith("context") and "," in value else value


def _change(entry: Mount, root: Root) -> None:
    """`remount`, and entries that only say how an existing mount propagates."""
    fd = root.open(entry.destination)
    try:
        if entry.kind == "remount" and (entry.data or entry.superblock):
            mount.reconfigure(fd, entry.superblock, entry.data)
        _attributes(fd, entry)
        _propagation(fd, entry)
    finally:
        posix.close(fd)


def _attributes(fd: int, entry: Mount) -> None:
    if entry.attributes_set or entry.attributes_clear:
        mount.setattr(fd, set=entry.attributes_set, clear=entry.attributes_clear)
    if entry.recursive_set or entry.recursive_clear:
        mount.setattr(fd, set=entry.recursive_set, clear=entry.recursive_clear, recursive=True)


def _propagation(fd: int, entry: Mount) -> None:
    for flag, recursive in entry.propagation:
        try:
            mount.setattr(fd, propagation=flag, recursive=recursive)
        except SyscallError as error:
            if error.errno == errno.EINVAL:
                raise SyscallError(error.errno, f"mount {entry.destination}: {error.call}") from None
            raise
