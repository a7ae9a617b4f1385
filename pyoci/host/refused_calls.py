"""Which system calls a seccomp filter around pyoci refuses: of a container or a service that it runs in.

Each call is made with arguments that the kernel refuses before it does anything; a filter answers before that.
Looked at after a failure only.
"""

from __future__ import annotations

import errno
import posix

from pyoci.kernel import capabilities, uapi
from pyoci.kernel.call import SYS, syscall

_REFUSALS = (errno.EPERM, errno.ENOSYS)
_NOT_A_FD = -1
_WRONG_FLAGS = 0xFFFFFFFF
# Of a size that no version of the structure has, with flags that do not exist, or of no descriptor: EINVAL, EBADF.
_HARMLESS: tuple[tuple[str, tuple[int | bytes | None, ...]], ...] = (
    ("openat2", (_NOT_A_FD, b"", b"", 0)),
    ("close_range", (1, 0, 0)),
    ("mount_setattr", (_NOT_A_FD, b"", _WRONG_FLAGS, b"", 0)),
    ("open_tree", (_NOT_A_FD, b"", _WRONG_FLAGS)),
    ("fsconfig", (_NOT_A_FD, _WRONG_FLAGS, None, None, 0)),
    ("statx", (_NOT_A_FD, b"", _WRONG_FLAGS, 0, None)),
    ("prlimit64", (0, _WRONG_FLAGS, None, None)),
    ("setns", (_NOT_A_FD, 0)),
)
# The kernel asks for CAP_SYS_ADMIN first.
_HARMLESS_TO_ROOT: tuple[tuple[str, tuple[int | bytes | None, ...]], ...] = (
    ("fsopen", (b"", _WRONG_FLAGS)),
    ("fsmount", (_NOT_A_FD, _WRONG_FLAGS, 0)),
    ("move_mount", (_NOT_A_FD, b"", _NOT_A_FD, b"", _WRONG_FLAGS)),
    ("pivot_root", (b"", b"")),
    ("umount2", (b"", _WRONG_FLAGS)),
)
_SYS_ADMIN = 1 << uapi.CAPABILITIES.index("CAP_SYS_ADMIN")


def words() -> str:
    """For a person, empty when no filter is at work, or when it refuses none of the calls that containers need."""
    if not _is_filtered():
        return ""
    tried = _HARMLESS + (_HARMLESS_TO_ROOT if capabilities.get()[0] & _SYS_ADMIN else ())
    refused = [name for name, arguments in tried if _is_refused(name, arguments)]
    refused += [name for name, is_allowed in _ASKED if not is_allowed()]
    if not refused:
        return ""
    calls = "calls" if len(refused) > 1 else "call"
    return f"a seccomp filter around pyoci refuses the {calls} {', '.join(refused)}, which containers need"


def _is_filtered() -> bool:
    """proc_pid_status(5), Seccomp: 2."""
    try:
        fd = posix.open("/proc/self/status", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return True  # unknown: the calls themselves tell
    try:
        return b"\nSeccomp:\t0\n" not in posix.read(fd, 8192)
    finally:
        posix.close(fd)


def _is_refused(name: str, arguments: tuple[int | bytes | None, ...]) -> bool:
    try:
        syscall(SYS[name], *arguments)
    except OSError as error:
        return error.errno in _REFUSALS
    return False


def _allows_pidfds() -> bool:
    try:
        posix.close(posix.pidfd_open(posix.getpid(), 0))
    except OSError as error:
        return error.errno not in _REFUSALS
    return True


def _allows_faccessat2() -> bool:
    return posix.access("/", posix.F_OK, effective_ids=True)


_ASKED = (("pidfd_open", _allows_pidfds), ("faccessat2", _allows_faccessat2))
