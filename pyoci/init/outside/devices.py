"""Device nodes and the links in /dev (config-linux.md, "Devices"; runtime-linux.md, "Dev symbolic links")."""

from __future__ import annotations

import _stat as stat
import errno
import posix

from pyoci.errors import SyscallError, UnsupportedError
from pyoci.kernel import mount, node, uapi
from pyoci.kernel.beneath import Root
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import Device, Plan

_KINDS = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
_LINKS = (
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
)


def apply(plan: Plan, inherited: Inherited, root: Root) -> None:
    bind = plan.namespaces.has("user")  # mknod(2) is refused in a user namespace
    directories: dict[str, int] = {}
    try:
        for device in plan.devices:
            directory, _, name = device.path.rpartition("/")
            if directory not in directories:
                directories[directory] = root.make_directory(directory or "/")
            _supply(device, directories[directory], name, bind)
        if plan.rootfs.set_up_dev and (directories or root.find("/dev") is not None):
            _links(root)
    finally:
        for fd in directories.values():
            posix.close(fd)


def _supply(device: Device, directory: int, name: str, bind: bool) -> None:
    existing = _existing(device, directory, name)
    if existing is not None:
        posix.close(existing)
        return
    if not bind or device.kind == "p":
        try:
            _make(device, directory, name)
            return
        except SyscallError as error:
            if error.errno != errno.EPERM or device.kind == "p":
                raise
    _bind(device, directory, name)


def _existing(device: Device, directory: int, name: str) -> int | None:
    """What already lies there; the spec wants an error when it is not the device asked for."""
    try:
        fd = posix.open(name, posix.O_PATH | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open {device.path}") from None
    if _matches(device, posix.fstat(fd)):
        return fd
    posix.close(fd)
    raise UnsupportedError(
        f"device {device.path}: a file that is not {device.kind} {device.major}:{device.minor} is already there"
    )


def _matches(device: Device, found: posix.stat_result) -> bool:
    if stat.S_IFMT(found.st_mode) != _KINDS[device.kind]:
        return False
    return device.kind == "p" or found.st_rdev == posix.makedev(device.major, device.minor)


def _make(device: Device, directory: int, name: str) -> None:
    number = 0 if device.kind == "p" else posix.makedev(device.major, device.minor)
    node.make(directory, name, _KINDS[device.kind] | device.mode, number, device.path)
    if device.uid or device.gid:
        fd = posix.open(name, posix.O_PATH | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=directory)
        try:
            node.give(fd, device.uid, device.gid, device.path)
        finally:
            posix.close(fd)


def _bind(device: Device, directory: int, name: str) -> None:
    """The host's node, checked to be that device, mounted on an empty file."""
    tree = mount.open_tree(uapi.AT_FDCWD, device.path)
    try:
        if not _matches(device, posix.fstat(tree)):
            raise UnsupportedError(
                f"device {device.path}: mknod is not permitted here, and the host's file of that name "
                f"is not {device.kind} {device.major}:{device.minor}"
            )
        posix.close(
            posix.open(name, posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC, 0o666, dir_fd=directory)
        )
        target = posix.open(name, posix.O_PATH | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=directory)
        mount.move(tree, target, f"device {device.path}")
        posix.close(target)
    finally:
        posix.close(tree)


def _links(root: Root) -> None:
    """/dev/fd and its kin where there is a /proc to point to, and /dev/ptmx."""
    dev = root.make_directory("/dev")
    try:
        has_proc = root.find("/proc/self")
        if has_proc is not None:
            posix.close(has_proc)
            for target, name in _LINKS:
                _link(target, name, dev)
            kcore = root.find("/proc/kcore")
            if kcore is not None:
                posix.close(kcore)
                _link("/proc/kcore", "core", dev)
        pts = root.find("/dev/pts/ptmx")
        if pts is not None:
            posix.close(pts)
        # a default device: also where a devpts is mounted later only, but there it is not worth the image's own file
        _link("pts/ptmx", "ptmx", dev, replace=pts is not None)
    finally:
        posix.close(dev)


def _link(target: str, name: str, dev: int, *, replace: bool = False) -> None:
    try:
        if replace:
            try:
                posix.unlink(name, dir_fd=dev)
            except FileNotFoundError:
                pass
        posix.symlink(target, name, dir_fd=dev)
    except FileExistsError:
        pass  # the image's own
    except OSError as error:
        if error.errno != errno.EROFS:
            raise SyscallError(error.errno or 0, f"link /dev/{name}") from None
