"""Mounts, by descriptors: fsopen(2), open_tree(2), mount_setattr(2), move_mount(2), pivot_root(2).

A target is always a descriptor that the kernel resolved beneath the root file system (see `kernel.beneath`),
never a string that a symbolic link could bend (CVE-2021-30465).
"""

from __future__ import annotations

import _struct
import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import _raw, uapi
from pyoci.kernel.call import SYS, encode, shown, syscall

# fsconfig(2) copies a string value with strndup_user(…, 256)
FSCONFIG_STRING_MAX = 255
# mount(2) copies a page, and cuts what is longer silently (fs/namespace.c, copy_mount_options)
CLASSIC_DATA_MAX = 4095


def open_tree(
    dirfd: int, path: str, *, clone: bool = True, recursive: bool = False, follow: bool = True, what: str = ""
) -> int:
    """A detached copy of the mount at `path` (`clone`), or a descriptor to the place.

    Without `path` it is what `dirfd` is open on; then `what` are the words for a failure.
    """
    flags = uapi.OPEN_TREE_CLOEXEC | uapi.AT_NO_AUTOMOUNT
    flags |= uapi.OPEN_TREE_CLONE if clone else 0
    flags |= uapi.AT_RECURSIVE if recursive else 0
    flags |= uapi.AT_EMPTY_PATH if not path else 0
    flags |= uapi.AT_SYMLINK_NOFOLLOW if not follow else 0
    try:
        return syscall(SYS["open_tree"], dirfd, encode(path), flags)
    except OSError as error:
        why = f"{'bind' if clone else 'open'} {shown(path)}" if path else what
        raise SyscallError(error.errno or 0, why) from None


def setattr(
    fd: int, *, set: int = 0, clear: int = 0, propagation: int = 0, userns_fd: int = -1, recursive: bool = False
) -> None:
    """mount_setattr(2) on the mount that `fd` is the root of."""
    if clear & uapi.MOUNT_ATTR__ATIME or set & uapi.MOUNT_ATTR__ATIME:
        clear |= uapi.MOUNT_ATTR__ATIME  # the kernel demands that the whole atime field is cleared
    attributes = _struct.pack("=QQQQ", set, clear, propagation, userns_fd if userns_fd >= 0 else 0)
    flags = uapi.AT_EMPTY_PATH | (uapi.AT_RECURSIVE if recursive else 0)
    try:
        syscall(SYS["mount_setattr"], fd, b"", flags, attributes, len(attributes))
    except OSError as error:
        words = f"set={uapi.flag_names(set, uapi.MOUNT_ATTR_NAMES)}"
        words += f" clear={uapi.flag_names(clear & ~uapi.MOUNT_ATTR__ATIME, uapi.MOUNT_ATTR_NAMES)}"
        if propagation:
            words += f" propagation={uapi.flag_names(propagation, uapi.PROPAGATION_NAMES)}"
        raise SyscallError(error.errno or 0, f"mount_setattr {words}{' recursive' if recursive else ''}") from None


def move(mount_fd: int, target_fd: int, what: str) -> None:
    """Attach a detached mount on top of `target_fd`; `what` are the words for a failure."""
    flags = uapi.MOVE_MOUNT_F_EMPTY_PATH | uapi.MOVE_MOUNT_T_EMPTY_PATH
    try:
        syscall(SYS["move_mount"], mount_fd, b"", target_fd, b"", flags)
    except OSError as error:
        raise SyscallError(error.errno or 0, what) from None


def filesystem(
    fstype: str,
    source: str,
    flags: tuple[str, ...],
    data: tuple[tuple[str, str | None], ...],
    attributes: int = 0,
    context: int = -1,
) -> int:
    """A detached mount of a new file system.

    `flags` are superblock flags by name (`ro`, `sync` ...), `data` the file system's own options, `attributes` the
    mount's flags (MOUNT_ATTR_*). `context` is what fsopen(2) has returned, where that was called before; it is closed.
    """
    fd = context if context >= 0 else _fsopen(fstype)
    try:
        if source:
            _fsconfig(fd, fstype, uapi.FSCONFIG_SET_STRING, "source", source)
        for flag in flags:
            _fsconfig(fd, fstype, uapi.FSCONFIG_SET_FLAG, flag, None)
        for key, value in data:
            command = uapi.FSCONFIG_SET_FLAG if value is None else uapi.FSCONFIG_SET_STRING
            _fsconfig(fd, fstype, command, key, value)
        _fsconfig(fd, fstype, uapi.FSCONFIG_CMD_CREATE, None, None)
        try:
            return syscall(SYS["fsmount"], fd, uapi.FSMOUNT_CLOEXEC, attributes)
        except OSError as error:
            words = f" attributes={uapi.flag_names(attributes, uapi.MOUNT_ATTR_NAMES)}" if attributes else ""
            raise SyscallError(error.errno or 0, f"fsmount type={shown(fstype)}{words}{_context_log(fd)}") from None
    finally:
        posix.close(fd)


def _fsopen(fstype: str) -> int:
    try:
        return syscall(SYS["fsopen"], encode(fstype), uapi.FSOPEN_CLOEXEC)
    except OSError as error:
        question = " (is the file system in this kernel?)" if error.errno == errno.ENODEV else ""
        raise SyscallError(error.errno or 0, f"mount type={shown(fstype)}{question}") from None


def open_procfs(pid_namespace: int) -> int | None:
    """The context of a procfs that shows this PID namespace, which is not that of this process.

    None before Linux 6.18, where it shows the namespace of the process that called fsopen(2). Raises SyscallError.
    """
    context = _fsopen("proc")
    try:
        syscall(SYS["fsconfig"], context, uapi.FSCONFIG_SET_FD, b"pidns", None, pid_namespace)
        return context
    except OSError:
        posix.close(context)
        return None


def open_procfs_in_child() -> int:
    """`open_procfs` before Linux 6.18, by a child in the namespace that this process has joined.

    Whoever is in that namespace sees the child for one call. It has this process's root, and a copy of its memory.
    """
    try:
        return _raw.open_procfs_in_child()
    except OSError as error:
        why = (
            ": somebody in the PID namespace stops the process that opens it" if error.errno == errno.ETIMEDOUT else ""
        )
        raise SyscallError(error.errno or 0, f"mount type=proc{why}") from None


def is_procfs(context: int) -> bool:
    """Whether what fsopen(2) has returned is that of a procfs, which is not mounted yet.

    It tells nobody, so it is asked for an option that only a procfs has (and resets it), and for one that no file
    system has: those that leave the choice of options to mount(2) take both.
    """
    try:
        syscall(SYS["fsconfig"], context, uapi.FSCONFIG_SET_STRING, b"hidepid", b"0", 0)
    except OSError:
        return False
    try:
        syscall(SYS["fsconfig"], context, uapi.FSCONFIG_SET_STRING, b"pyoci", b"0", 0)
    except OSError:
        _context_log(context)  # its words about that
        return True
    return False


def _fsconfig(fd: int, fstype: str, command: int, key: str | None, value: str | None) -> None:
    try:
        syscall(
            SYS["fsconfig"],
            fd,
            command,
            None if key is None else encode(key),
            None if value is None else encode(value),
            0,
        )
    except OSError as error:
        option = "" if key is None else f" option={shown(key)}"
        option += "" if value is None else f"={shown(value)}"
        raise SyscallError(error.errno or 0, f"mount type={shown(fstype)}{option}{_context_log(fd)}") from None


def _context_log(fd: int) -> str:
    """The file system's own words about its refusal: fsopen(2), "Message retrieval"."""
    lines: list[str] = []
    try:
        while len(lines) < 8:
            lines.append(posix.read(fd, 512).decode("utf-8", "replace").strip()[2:])
    except OSError:
        pass  # ENODATA: no more messages
    return f" ({'; '.join(lines)})" if lines else ""


def reconfigure(fd: int, flags: tuple[str, ...], data: tuple[tuple[str, str | None], ...]) -> None:
    """Change the superblock's options of the mount at `fd` (`remount` without `bind`)."""
    try:
        context = syscall(SYS["fspick"], fd, b"", uapi.FSPICK_CLOEXEC | uapi.FSPICK_EMPTY_PATH)
    except OSError as error:
        raise SyscallError(error.errno or 0, "remount") from None
    try:
        for flag in flags:
            _fsconfig(context, "remount", uapi.FSCONFIG_SET_FLAG, flag, None)
        for key, value in data:
            command = uapi.FSCONFIG_SET_FLAG if value is None else uapi.FSCONFIG_SET_STRING
            _fsconfig(context, "remount", command, key, value)
        _fsconfig(context, "remount", uapi.FSCONFIG_CMD_RECONFIGURE, None, None)
    finally:
        posix.close(context)


def classic(source: str, fstype: str, flags: int, data: str, what: str) -> None:
    """mount(2) on the working directory, for options that fsconfig(2) is too small for.

    The caller has made the target its working directory by fchdir(2), so no path is looked up; `data` must not be
    longer than CLASSIC_DATA_MAX bytes. `what` are the words for a failure.
    """
    try:
        syscall(SYS["mount"], encode(source), b".", encode(fstype), flags, encode(data))
    except OSError as error:
        raise SyscallError(error.errno or 0, what) from None


def pivot_root_here() -> None:
    """Make the working directory the root: pivot_root(".", ".") stacks the old root on top of it.

    No directory for the old root is needed (pivot_root(2), "Notes").
    """
    try:
        syscall(SYS["pivot_root"], b".", b".")
    except OSError as error:
        raise SyscallError(error.errno or 0, "pivot_root") from None


def detach_here(what: str = "unmount the old root") -> None:
    """umount2(".", MNT_DETACH)."""
    try:
        syscall(SYS["umount2"], b".", uapi.MNT_DETACH)
    except OSError as error:
        raise SyscallError(error.errno or 0, what) from None


def magic(fd: int) -> int:
    """The type of the file system that `fd` is on: statfs(2), f_type."""
    buffer = bytearray(256)
    try:
        syscall(SYS["fstatfs"], fd, buffer)
    except OSError as error:
        raise SyscallError(error.errno or 0, "fstatfs") from None
    return int.from_bytes(buffer[0:8], "little")


def detach_by(proc_fd: int, fd: int, what: str) -> None:
    """umount2(2) with MNT_DETACH of the mount that `fd` is the root of: by a magic link of the procfs `proc_fd`."""
    here = posix.open(".", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        posix.fchdir(proc_fd)
        syscall(SYS["umount2"], encode(f"self/fd/{fd}"), uapi.MNT_DETACH)
    except OSError as error:
        raise SyscallError(error.errno or 0, what) from None
    finally:
        posix.fchdir(here)
        posix.close(here)


def mount_id(fd: int) -> int:
    """The number of the mount that `fd` is on; on Linux 6.8 and later one that is never given again (statx(2))."""
    buffer = bytearray(256)
    try:
        syscall(SYS["statx"], fd, b"", uapi.AT_EMPTY_PATH, uapi.STATX_MNT_ID | uapi.STATX_MNT_ID_UNIQUE, buffer)
    except OSError as error:
        raise SyscallError(error.errno or 0, "statx") from None
    return int.from_bytes(buffer[0x90:0x98], "little")


def is_mount_root(fd: int) -> bool:
    """Whether `fd` is the root of the mount that it is on (statx(2), STATX_ATTR_MOUNT_ROOT)."""
    buffer = bytearray(256)
    try:
        syscall(SYS["statx"], fd, b"", uapi.AT_EMPTY_PATH, 0, buffer)
    except OSError as error:
        raise SyscallError(error.errno or 0, "statx") from None
    return bool(int.from_bytes(buffer[0x08:0x10], "little") & uapi.STATX_ATTR_MOUNT_ROOT)
