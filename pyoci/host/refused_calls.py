"""Which system calls a seccomp filter around pyoci refuses: of a container or a service that it runs in.

Each call is made with arguments that the kernel refuses before it does anything; a filter answers before that.
Looked at after a failure only.
"""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import capabilities, uapi
from pyoci.kernel.call import SYS, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    import signal as _signal
    from collections.abc import Callable
    from types import ModuleType

    from pyoci.errors import PyociError
else:
    import _signal

_REFUSALS = (errno.EPERM, errno.ENOSYS)
_WORDS = "a seccomp filter around pyoci refuses the "
_NOT_A_FD = -1
_CLOSED_FD = 0x7FFFFFFF  # for what takes no negative number
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
    ("prctl", (_WRONG_FLAGS, 0, 0, 0, 0)),
    ("capget", (None, None)),
    ("capset", (None, None)),
    ("ioctl", (_NOT_A_FD, 0)),
    ("recvmsg", (_NOT_A_FD, None, 0)),
    ("getcwd", (None, 0)),
    ("unshare", (0,)),
    ("seccomp", (_WRONG_FLAGS, 0, None)),
    ("fchownat", (_NOT_A_FD, b"", 0, 0, _WRONG_FLAGS)),
    ("fstatfs", (_NOT_A_FD, None)),
    ("personality", (_WRONG_FLAGS,)),  # which asks for the one that there is
)
# The kernel asks for CAP_SYS_ADMIN first.
_HARMLESS_TO_ROOT: tuple[tuple[str, tuple[int | bytes | None, ...]], ...] = (
    ("fsopen", (b"", _WRONG_FLAGS)),
    ("fsmount", (_NOT_A_FD, _WRONG_FLAGS, 0)),
    ("move_mount", (_NOT_A_FD, b"", _NOT_A_FD, b"", _WRONG_FLAGS)),
    ("pivot_root", (b"", b"")),
    ("umount2", (b"", _WRONG_FLAGS)),
    ("sethostname", (None, -1)),
    ("setdomainname", (None, -1)),
)
_SYS_ADMIN = 1 << uapi.CAPABILITIES.index("CAP_SYS_ADMIN")


def lead(error: PyociError) -> None:
    """Let an error that a filter may be the reason of say so, once."""
    if _WORDS not in str(error):
        error.lead_on(words())


def words() -> str:
    """For a person, empty when no filter is at work, or when it refuses none of the calls that containers need."""
    if not _is_filtered():
        return ""
    attempts = _HARMLESS + (_HARMLESS_TO_ROOT if _is_root() else ())
    refused = [name for name, arguments in attempts if _is_refused(lambda: syscall(SYS[name], *arguments))]  # noqa: B023
    refused += [name for name, call in _by_python() if _is_refused(call)]
    refused += [] if posix.access("/", posix.F_OK, effective_ids=True) else ["faccessat2"]
    if not refused:
        return ""
    calls, them = ("calls", "them") if len(refused) > 1 else ("call", "it")
    return f"{_WORDS}{calls} {', '.join(refused)}, which containers need: its profile must allow {them}"


def _is_root() -> bool:
    try:
        return bool(capabilities.get()[0] & _SYS_ADMIN)
    except SyscallError:
        return posix.geteuid() == 0  # capget is what is refused


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


def _is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except OSError as error:
        return error.errno in _REFUSALS
    return False


def _by_python() -> list[tuple[str, Callable[[], object]]]:
    """Calls that Python has functions for: of no descriptor, an empty path, or with what is so already."""
    import _socket
    import fcntl
    import select

    number = posix.getpid()
    calls: list[tuple[str, Callable[[], object]]] = [
        ("chdir", lambda: posix.chdir("")),
        ("fchdir", lambda: posix.fchdir(_CLOSED_FD)),
        ("fcntl", lambda: fcntl.fcntl(_CLOSED_FD, fcntl.F_GETFD)),
        ("dup2", lambda: posix.dup2(_CLOSED_FD, 0)),
        ("fsetxattr", lambda: posix.setxattr(_CLOSED_FD, "user.", b"")),
        ("flock", lambda: fcntl.flock(_CLOSED_FD, fcntl.LOCK_UN)),
        ("getdents64", lambda: posix.listdir("/")),
        ("kill", lambda: posix.kill(number, 0)),
        ("mkdir", lambda: posix.mkdir("")),
        ("mkdirat", lambda: posix.mkdir("", dir_fd=_NOT_A_FD)),
        ("pidfd_open", lambda: posix.close(posix.pidfd_open(number, 0))),
        ("pidfd_send_signal", lambda: _signal.pidfd_send_signal(_NOT_A_FD, 0)),
        ("pipe2", lambda: posix.pipe2(0x7FFFFFFF)),
        ("poll", lambda: select.poll().poll(0)),
        ("readlink", lambda: posix.readlink("")),
        ("readlinkat", lambda: posix.readlink("", dir_fd=_NOT_A_FD)),
        ("recvfrom", lambda: _pair(_socket)[0].recv(1)),
        ("rename", lambda: posix.rename("", "")),
        ("renameat", lambda: posix.rename("", "", src_dir_fd=_NOT_A_FD, dst_dir_fd=_NOT_A_FD)),
        ("rmdir", lambda: posix.rmdir("")),
        (
            "rt_sigaction",
            lambda: _signal.signal(_signal.SIGUSR1, _signal.getsignal(_signal.SIGUSR1) or _signal.SIG_DFL),
        ),
        ("rt_sigprocmask", lambda: _signal.pthread_sigmask(_signal.SIG_BLOCK, ())),
        ("sendmsg", lambda: _send(_pair(_socket))),
        ("setresgid", lambda: posix.setresgid(-1, -1, -1)),
        ("setresuid", lambda: posix.setresuid(-1, -1, -1)),
        ("setsockopt", lambda: _pair(_socket)[0].setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 0)),
        ("socket", lambda: _socket.socket(_socket.AF_UNIX)),
        ("socketpair", lambda: _pair(_socket)),
        ("symlinkat", lambda: posix.symlink("", "", dir_fd=_NOT_A_FD)),
        ("uname", posix.uname),
        ("unlinkat", lambda: posix.unlink("", dir_fd=_NOT_A_FD)),
        ("wait4", lambda: _no_child(lambda: posix.waitpid(number, posix.WNOHANG))),
        ("waitid", lambda: _no_child(lambda: posix.waitid(posix.P_PID, number, posix.WEXITED | posix.WNOHANG))),
    ]
    return calls + (_by_python_as_root() if _is_root() else [])


def _by_python_as_root() -> list[tuple[str, Callable[[], object]]]:
    return [
        ("mknodat", lambda: posix.mknod("", 0o600, dir_fd=_NOT_A_FD)),
        ("setgroups", lambda: posix.setgroups(posix.getgroups())),
    ]


def _pair(sockets: ModuleType) -> tuple[_socket.socket, _socket.socket]:
    ends: tuple[_socket.socket, _socket.socket] = sockets.socketpair(sockets.AF_UNIX)
    return ends


def _send(ends: tuple[_socket.socket, _socket.socket]) -> None:
    """With the other end open: nothing ignores SIGPIPE where rt_sigaction is refused."""
    ends[0].sendmsg([b"."])


def _no_child(call: Callable[[], object]) -> None:
    """A process is not its own child."""
    try:
        call()
    except ChildProcessError:
        pass
