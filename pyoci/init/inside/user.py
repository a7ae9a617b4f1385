"""`process.user` and HOME (config.md, "User")."""

from __future__ import annotations

import _stat as stat
import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import mount, procfs, streams
from pyoci.kernel.beneath import Root
from pyoci.kernel.call import shown
from pyoci.kernel.mount import magic
from pyoci.kernel.uapi import KERNEL_FILESYSTEMS
from pyoci.wire.plan import Process

_PLACE = "/process/user"
_PASSWD_MAX = 1 << 20
_HOME_MAX = 4095  # PATH_MAX without its NUL
_UNCHANGED = (1 << 32) - 1  # -1 to setresuid(2) and setresgid(2) is "leave it": the program would stay root


def environment(process: Process, root: Root, proc_fd: int) -> list[str]:
    """`process.env`, with HOME from the container's passwd where it has none."""
    if any(entry.startswith("HOME=") and len(entry) > len("HOME=") for entry in process.env):
        return process.env
    others = [entry for entry in process.env if not entry.startswith("HOME=")]
    return [*others, f"HOME={home_of(process.uid, root, proc_fd)}"]


def home_of(uid: int, root: Root, proc_fd: int) -> str:
    """passwd(5), read as bytes from beneath the root: no NSS, no library of the image."""
    for line in _read(root, "/etc/passwd", proc_fd).split(b"\n"):
        fields = line.split(b":")
        if len(fields) >= 6 and fields[2] == b"%d" % uid and fields[5]:
            home = fields[5]
            # The image must not make a variable that execve(2) does not take.
            return home.decode("utf-8", "surrogateescape") if b"\0" not in home and len(home) <= _HOME_MAX else "/"
    return "/"


def _read(root: Root, path: str, proc_fd: int) -> bytes:
    """A regular file of at most 1 MiB; anything else counts as absent.

    It is looked at before it is opened: a link of the image may lead to /proc/kmsg, whose reader takes the host's
    kernel log away, to /proc/self/environ, or to a device or a FIFO.
    """
    try:
        place = root.open(path)
    except SyscallError:
        return b""
    try:
        status = posix.fstat(place)
        if not stat.S_ISREG(status.st_mode) or magic(place) in KERNEL_FILESYSTEMS:
            return b""
        fd = posix.open(f"self/fd/{place}", posix.O_RDONLY | posix.O_CLOEXEC, dir_fd=proc_fd)
        try:
            data = part = posix.read(fd, _PASSWD_MAX)
            while part and len(data) < min(status.st_size, _PASSWD_MAX):  # a file system in user space may give less
                part = posix.read(fd, _PASSWD_MAX - len(data))
                data += part
            return data
        finally:
            posix.close(fd)
    except (OSError, SyscallError):
        return b""
    finally:
        posix.close(place)


def take_null_device(root: Root, proc_fd: int) -> None:
    """Standard streams that are the host's null device become the container's own, as with runc.

    A process with a descriptor of the host's can change its mode and owner; root of a container needs no capability.
    Where the container has no null device (any more), they become one that nobody else has.
    """
    streams_of_host = streams.null_devices()
    if streams_of_host and not _replace(streams_of_host, _null_device(root), proc_fd):
        # False: in a user namespace, where the host's has an owner that is not mapped, so that nobody can change it
        _replace(streams_of_host, _own_null_device(), proc_fd)


def _replace(fds: list[int], null: int | None, proc_fd: int) -> bool:
    if null is None:
        return False
    try:
        for fd in fds:
            try:
                stream = streams.open_like(fd, null, proc_fd)
            except OSError:
                return False  # its mount has `nodev`, or its cgroup no such device
            streams.replace(fd, stream)
        return True
    finally:
        posix.close(null)


def _null_device(root: Root) -> int | None:
    try:
        null = root.find("/dev/null")
    except SyscallError:
        return None
    if null is None or streams.is_null(posix.fstat(null)):
        return null
    posix.close(null)
    return None


def _own_null_device() -> int | None:
    try:
        tree = mount.filesystem("tmpfs", "null", (), (("mode", "755"), ("nr_inodes", "2")))
    except SyscallError:
        return None
    try:
        return streams.make_null(tree)
    except OSError:
        return None
    finally:
        posix.close(tree)


def become(process: Process, proc_fd: int) -> None:
    """Groups, then gid, then uid. Capabilities are kept over it by the caller (PR_SET_KEEPCAPS)."""
    if process.umask is not None:
        posix.umask(process.umask)
    else:
        posix.umask(0o022)
    if _UNCHANGED in (process.uid, process.gid):
        raise SyscallError(errno.EINVAL, f"become user {process.uid}:{process.gid}: {_UNCHANGED} is not an ID").at(
            _PLACE
        )
    streams.give(process.uid)
    try:
        if not process.keep_groups and (process.additional_gids or _setgroups_allowed(proc_fd)):
            posix.setgroups(process.additional_gids)
        posix.setresgid(process.gid, process.gid, process.gid)
        posix.setresuid(process.uid, process.uid, process.uid)
    except OSError as error:
        gids = f" additionalGids={shown(str(process.additional_gids))}" if process.additional_gids else ""
        raise SyscallError(error.errno or 0, f"become user {process.uid}:{process.gid}{gids}").at(_PLACE) from None


def _setgroups_allowed(proc_fd: int) -> bool:
    """user_namespaces(7): an unprivileged mapping of groups forbids setgroups(2)."""
    fd = procfs.open_self(proc_fd, "setgroups", posix.O_RDONLY)
    try:
        return posix.read(fd, 8).strip() != b"deny"
    finally:
        posix.close(fd)
