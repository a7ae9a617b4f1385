"""Labels of Linux Security Modules: what execve(2) changes to, and the label of a file.

They are written to files of /proc/self/attr, reached through the descriptor of a verified procfs: written to
a file that an image put there, they would silently not apply (CVE-2019-16884, CVE-2019-19921).
"""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import procfs
from pyoci.kernel.call import encode, shown


def set_apparmor_exec(proc_fd: int, profile: str) -> None:
    """Confine this process by the AppArmor profile from its next execve(2) on: aa_change_onexec(3).

    `proc_fd` is the root of a verified procfs. SyscallError with ENOENT when the profile is not loaded.
    """
    try:
        fd = procfs.open_self(proc_fd, "attr/apparmor/exec", posix.O_WRONLY)
    except SyscallError as error:
        if error.errno != errno.ENOENT:
            raise
        # before Linux 5.8 AppArmor has only the file that it shares with SELinux
        fd = procfs.open_self(proc_fd, "attr/exec", posix.O_WRONLY)
    what = f"set AppArmor profile {shown(profile)!r} for the next exec"
    place = "/process/apparmorProfile"
    _write(fd, f"exec {profile}", what, place, {errno.ENOENT: "is the profile loaded? aa-status lists those that are"})


def set_selinux_exec(proc_fd: int, label: str) -> None:
    """The SELinux context of this process from its next execve(2) on: setexeccon(3)."""
    _write_context(proc_fd, "attr/exec", label, f"set SELinux label {shown(label)!r} for the next exec")


def set_selinux_key(proc_fd: int, label: str) -> None:
    """The SELinux context of keyrings that this process makes before its execve(2): setkeycreatecon(3)."""
    _write_context(proc_fd, "attr/keycreate", label, f"set SELinux label {label!r} for new keys")


def set_selinux_directory(fd: int, label: str) -> None:
    """The SELinux context of a directory that `fd` (O_PATH will do) has open: for the root of an mqueue."""
    try:
        real = posix.open(".", posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC, dir_fd=fd)
        try:
            posix.setxattr(real, "security.selinux", encode(label) + b"\0")
        finally:
            posix.close(real)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"set SELinux label {label!r} of a mount").at(
            "/linux/mountLabel"
        ) from None


def _write_context(proc_fd: int, path: str, label: str, what: str) -> None:
    fd = procfs.open_self(proc_fd, path, posix.O_WRONLY)
    _write(
        fd,
        label,
        what,
        "/process/selinuxLabel",
        {errno.EINVAL: "the policy does not know this label, or SELinux is off"},
    )


def _write(fd: int, text: str, what: str, place: str, hints: dict[int, str]) -> None:
    """One write: the kernel takes a label whole or not at all."""
    try:
        posix.write(fd, encode(text))
    except OSError as error:
        number = error.errno or 0
        hint = f" ({hints[number]})" if number in hints else ""
        raise SyscallError(number, what + hint).at(place) from None
    finally:
        posix.close(fd)
