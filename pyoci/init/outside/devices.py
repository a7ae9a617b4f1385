"""Device nodes and the links in /dev (config-linux.md, "Devices"; runtime-linux.md, "Dev symbolic links")."""

from __future__ import annotations

import _stat as stat
import errno
import posix

from pyoci.errors import SyscallError, UnsupportedError
from pyoci.init.outside import staging
from pyoci.init.outside.places import Places
from pyoci.kernel import mount, node, uapi
from pyoci.kernel.beneath import Root
from pyoci.kernel.call import shown
from pyoci.wire.inherited import Inherited
from pyoci.wire.plan import DEVICE_MODE, Device, Plan

_KINDS = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
_LINKS = (
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
)


def apply(plan: Plan, inherited: Inherited, root: Root, own_mounts: set[int]) -> None:
    """`own_mounts`: numbers of the mounts that are the container's, see `mounts.apply`."""
    directories: dict[str, int] = {}
    outside = inherited.devices_fd
    try:
        if outside >= 0:
            staging.attach(root, outside)
        for index, device in enumerate(plan.devices):
            path, _, name = device.path.rpartition("/")
            if path not in directories:
                directories[path] = _directory(device, path, plan, inherited, root, own_mounts)
            existing = _existing(device, directories[path], name)
            if existing is None:
                _refuse_in_bound_dev(device, directories[path], plan, own_mounts)
                _supply(device, index, directories[path], name, inherited)
                continue
            try:
                _complete(device, existing, own_mounts, inherited)
            finally:
                posix.close(existing)
        if outside >= 0:
            staging.detach(outside)
        if plan.rootfs.set_up_dev:
            _links(root, directories["/dev"])  # the default devices lie there
    finally:
        for fd in directories.values():
            posix.close(fd)
        if outside >= 0:
            posix.close(outside)


def _directory(device: Device, path: str, plan: Plan, inherited: Inherited, root: Root, own_mounts: set[int]) -> int:
    """Where devices of that folder go: a link of the image must not lead them into a volume of the host."""
    there, above = path, None
    while there and (above := root.find(there)) is None:
        there = there.rpartition("/")[0]
    if above is not None:  # before a folder is made: by the part of the path that is there
        try:
            _refuse_led_away(there, above, inherited, root, own_mounts)
            if there != path:
                _refuse_in_bound_dev(device, above, plan, own_mounts)
        finally:
            posix.close(above)
    fd = root.make_directory(path or "/")
    try:
        _refuse_led_away(path or "/", fd, inherited, root, own_mounts)  # a dangling link, or one of a moment ago
    except UnsupportedError:
        posix.close(fd)
        raise
    made_here = any(entry.destination == "/dev" and entry.kind == "filesystem" for entry in plan.mounts)
    if path == "/dev" and not made_here:
        name = Places(root, inherited.proc_fd).name(fd)
        if name != "/dev":
            posix.close(fd)
            raise UnsupportedError(f"devices: /dev is a link in the rootfs, to {shown(name)}: mount a tmpfs on /dev")
    return fd


def _refuse_led_away(path: str, fd: int, inherited: Inherited, root: Root, own_mounts: set[int]) -> None:
    name = Places(root, inherited.proc_fd).name(fd)
    if name != path and mount.mount_id(fd) not in own_mounts:
        raise UnsupportedError(
            f"devices: {shown(path)} is a link in the rootfs, to {shown(name)}, which is a bind mount of the host's: "
            "name that path in the config"
        )


def _refuse_in_bound_dev(device: Device, fd: int, plan: Plan, own_mounts: set[int]) -> None:
    """A device that is missing where /dev is a bind mount: most often the host's own, in which nothing is made."""
    if plan.rootfs.set_up_dev or not device.path.startswith("/dev/") or mount.mount_id(fd) in own_mounts:
        return
    raise UnsupportedError(
        f"device {shown(device.path)}: it is not in the folder that is bound at /dev, where nothing is made: "
        "make it there, mount a tmpfs on /dev, or leave it out"
    )


def _supply(device: Device, index: int, directory: int, name: str, inherited: Inherited) -> None:
    if device.how == "mknod":
        try:
            _make(device, directory, name)
            return
        except SyscallError as error:
            if error.errno != errno.EPERM or device.kind == "p":
                raise
    _bind(device, index, directory, name, inherited)


def _kind_of(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a link"
    return "a folder" if stat.S_ISDIR(mode) else "a file"


def _existing(device: Device, directory: int, name: str) -> int | None:
    """Check the file that lies there already: the spec wants an error when it is not the device asked for."""
    try:
        fd = posix.open(name, posix.O_PATH | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SyscallError(error.errno or 0, f"open {device.path}") from None
    status = posix.fstat(fd)
    if _matches(device, status):
        return fd
    posix.close(fd)
    other = _kind_of(status.st_mode)
    raise UnsupportedError(
        f"device {shown(device.path)}: {other} that is not {device.kind} {device.major}:{device.minor} is already there"
    )


def _matches(device: Device, status: posix.stat_result) -> bool:
    if stat.S_IFMT(status.st_mode) != _KINDS[device.kind]:
        return False
    return device.kind == "p" or status.st_rdev == posix.makedev(device.major, device.minor)


def _complete(device: Device, fd: int, own_mounts: set[int], inherited: Inherited) -> None:
    """Mode and owner of a node that is there already, as far as the config names them."""
    status = posix.fstat(fd)
    other_owner = device.uid not in (None, status.st_uid) or device.gid not in (None, status.st_gid)
    other_mode = device.mode is not None and device.mode != stat.S_IMODE(status.st_mode)
    if not other_owner and not other_mode:
        return
    if mount.mount_id(fd) not in own_mounts:
        raise UnsupportedError(
            f"device {shown(device.path)}: it is there already, in a bind mount, with the host's mode "
            f"{stat.S_IMODE(status.st_mode):04o} and owner {status.st_uid}:{status.st_gid}: leave out what differs"
        )
    if other_owner:
        node.give(fd, -1 if device.uid is None else device.uid, -1 if device.gid is None else device.gid, device.path)
    if device.mode is not None:
        node.set_mode(fd, device.mode, inherited.proc_fd, device.path)


def _make(device: Device, directory: int, name: str) -> None:
    number = 0 if device.kind == "p" else posix.makedev(device.major, device.minor)
    mode = DEVICE_MODE if device.mode is None else device.mode
    node.make(directory, name, _KINDS[device.kind] | mode, number, device.path)
    if device.uid or device.gid:
        fd = _existing(device, directory, name)  # looked at once more: the folder may be shared with others
        if fd is None:
            raise SyscallError(errno.ENOENT, f"make device {shown(device.path)}")
        try:
            node.give(fd, device.uid or 0, device.gid or 0, device.path)
        finally:
            posix.close(fd)


def _bind(device: Device, index: int, directory: int, name: str, inherited: Inherited) -> None:
    """A node made outside, or the host's, checked to be that device, mounted on an empty file."""
    tree, is_made_here = _open_outside(device, index, inherited)
    try:
        if not _matches(device, posix.fstat(tree)):
            raise UnsupportedError(
                f"device {shown(device.path)}: mknod is not permitted here, and the host's file of that name "
                f"is not {device.kind} {device.major}:{device.minor}"
            )
        if not is_made_here:
            _refuse_other_rights(device, posix.fstat(tree))
        flags = posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC
        try:
            posix.close(posix.open(name, flags, 0o666, dir_fd=directory))
        except OSError as error:
            raise SyscallError(error.errno or 0, f"make a file for device {shown(device.path)}") from None
        target = posix.open(name, posix.O_PATH | posix.O_NOFOLLOW | posix.O_CLOEXEC, dir_fd=directory)
        try:
            if not stat.S_ISREG(posix.fstat(target).st_mode):
                raise SyscallError(errno.EEXIST, f"mount device {shown(device.path)}")
            mount.move(tree, target, f"mount device {shown(device.path)}")
        finally:
            posix.close(target)
    finally:
        posix.close(tree)


def _refuse_other_rights(device: Device, status: posix.stat_result) -> None:
    """Of the host's node, which stays as it is. Owner 0 is what a config says that says nothing else."""
    other_mode = device.mode is not None and device.mode != stat.S_IMODE(status.st_mode)
    other_owner = device.uid not in (None, 0, status.st_uid) or device.gid not in (None, 0, status.st_gid)
    if other_mode or other_owner:
        raise UnsupportedError(
            f"device {shown(device.path)}: mknod is not permitted here, and the host's file has the mode "
            f"{stat.S_IMODE(status.st_mode):04o} and owner {status.st_uid}:{status.st_gid}: leave out what differs"
        )


def _open_outside(device: Device, index: int, inherited: Inherited) -> tuple[int, bool]:
    """The mount, and whether its node was made for this container."""
    if device.how == "outside" and inherited.devices_fd >= 0:
        try:
            return mount.open_tree(inherited.devices_fd, str(index)), True
        except SyscallError as error:
            if error.errno != errno.ENOENT:
                raise
            # the runtime itself lives in a user namespace and could make none
    try:
        return mount.open_tree(uapi.AT_FDCWD, device.path), False
    except SyscallError as error:
        if error.errno != errno.ENOENT:
            raise
        raise UnsupportedError(
            f"device {shown(device.path)}: mknod is not permitted here, and the host has no such file to bind"
        ) from None


def _links(root: Root, dev: int) -> None:
    """/dev/fd and the like where there is a /proc to point to, and /dev/ptmx."""
    # the link itself: with `nosymfollow` on /proc it cannot be followed, and is there
    has_proc = root.find("/proc/self", posix.O_PATH | posix.O_NOFOLLOW | posix.O_CLOEXEC)
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
