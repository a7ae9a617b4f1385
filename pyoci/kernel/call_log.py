"""--debug: every system call of the plan as it is made, with its arguments and flags by name, and what came of it.

Loaded only with --debug, and before the fork. It takes the place of `posix` and `syscall` in the modules that touch the
kernel, so that nothing is asked without it. The container's side tells its calls to the host by the channel.
"""

from __future__ import annotations

import _socket
import _struct
import errno
import posix
import sys

from pyoci.kernel import _raw, call, uapi

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any
else:
    import _signal

_PLACES = ("pyoci.kernel.", "pyoci.init.", "pyoci.cgroups.", "pyoci.state.", "pyoci.host.")
# What only works on values, and what never returns.
_SILENT = frozenset(
    """
    strerror fspath fsencode major minor makedev waitstatus_to_exitcode getpid getppid geteuid getegid getuid getgid
    fork _exit get_inheritable isatty sysconf device_encoding
    """.split()
)
_ARGUMENTS = {
    "capget": "header data",
    "capset": "header data",
    "close_range": "first last flags",
    "fchownat": "dirfd path uid gid flags",
    "fsconfig": "fd cmd key value aux",
    "fsmount": "fd flags attr_flags",
    "fsopen": "fsname flags",
    "fspick": "dirfd path flags",
    "ioprio_set": "which who ioprio",
    "ioctl": "fd request argument",
    "keyctl": "operation arg2 arg3 arg4 arg5",
    "mount": "source target filesystemtype flags data",
    "mount_setattr": "dirfd path flags attr size",
    "move_mount": "from_dirfd from_path to_dirfd to_path flags",
    "open_tree": "dirfd path flags",
    "openat2": "dirfd path how size",
    "personality": "persona",
    "pivot_root": "new_root put_old",
    "prctl": "option arg2 arg3 arg4 arg5",
    "prlimit64": "pid resource new_limit old_limit",
    "ptrace": "request pid address data",
    "recvmsg": "sockfd msg flags",
    "sched_setaffinity": "pid size mask",
    "sched_setattr": "pid attr flags",
    "seccomp": "operation flags args",
    "setfsgid": "fsgid",
    "setfsuid": "fsuid",
    "setdomainname": "name size",
    "sethostname": "name size",
    "setns": "fd nstype",
    "set_mempolicy": "mode nodemask maxnode",
    "statmount": "request buffer size flags",
    "statx": "dirfd path flags mask buffer",
    "umount2": "target flags",
    "unshare": "flags",
}
# The prefixes in uapi that an argument's names have; a single value where it is not a set of flags.
_FLAGS = {
    ("close_range", "flags"): "CLOSE_RANGE_",
    ("fsmount", "flags"): "FSMOUNT_",
    ("fsmount", "attr_flags"): "MOUNT_ATTR_",
    ("fsopen", "flags"): "FSOPEN_",
    ("fspick", "flags"): "FSPICK_",
    ("mount", "flags"): "MS_",
    ("mount_setattr", "flags"): "AT_",
    ("move_mount", "flags"): "MOVE_MOUNT_",
    ("open_tree", "flags"): "OPEN_TREE_ AT_",
    ("setns", "nstype"): "CLONE_",
    ("umount2", "flags"): "MNT_",
    ("unshare", "flags"): "CLONE_",
}
_VALUES = {("prctl", "option"): "PR_", ("ptrace", "request"): "PTRACE_", ("fsconfig", "cmd"): "FSCONFIG_"}
_LENGTH = 200


def install(tell: Callable[[str], None]) -> None:
    """From now on each call is logged, here and in processes that are forked."""
    call.log = tell
    _replace()
    _BUILTINS.__import__ = _import_and_replace  # type: ignore[attr-defined]


_BUILTINS = sys.modules["builtins"]
_import = __import__


def _import_and_replace(*arguments: Any, **named: Any) -> Any:
    """Many modules are imported by the function that needs them."""
    before = len(sys.modules)
    module = _import(*arguments, **named)
    if len(sys.modules) != before:
        _replace()
    return module


def _replace() -> None:
    """In the modules that are loaded by now, what makes calls."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(_PLACES) and module not in (call, sys.modules[__name__]):
            for name, plain, traced in _MAKERS:
                if getattr(module, name, None) is plain:
                    setattr(module, name, traced)


def _syscall(number: int, *arguments: int | bytes | bytearray | None) -> int:
    name = _NAMES.get(number, f"syscall {number}")
    return int(_told(lambda: described(name, arguments), _PLAIN, number, *arguments))


def described(name: str, arguments: tuple[int | bytes | bytearray | None, ...]) -> str:
    """A system call as strace(1) words it, with its arguments by name."""
    known = _ARGUMENTS.get(name, "").split()
    words = []
    for index, value in enumerate(arguments):
        argument = known[index] if index < len(known) else f"arg{index + 1}"
        words.append(f"{argument}={_value(name, argument, value)}")
    return f"{name}({', '.join(words)})"


def _value(name: str, argument: str, value: int | bytes | bytearray | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        if (name, argument) in _VALUES:
            return _name(value, _VALUES[name, argument])
        if (name, argument) in _FLAGS:
            return _flags(value, _FLAGS[name, argument].split())
        return "AT_FDCWD" if value == uapi.AT_FDCWD and argument.endswith("dirfd") else str(value)
    if argument == "how" and len(value) == 24:
        flags, mode, resolve = _struct.unpack("=QQQ", value)
        return f"{{flags={flags:#o} mode={mode:#o} resolve={_flags(resolve, ['RESOLVE_'])}}}"
    if argument == "attr" and name == "mount_setattr" and len(value) == 32:
        set_flags, cleared, propagation, userns = _struct.unpack("=QQQQ", value)
        parts = f"set={_flags(set_flags, ['MOUNT_ATTR_'])} clear={_flags(cleared, ['MOUNT_ATTR_'])}"
        return f"{{{parts} propagation={_flags(propagation, ['MS_'])} userns_fd={userns}}}"
    text = bytes(value)
    if (decoded := text.removesuffix(b"\0").decode("utf-8", "backslashreplace")).isprintable():
        return _short(repr(decoded))
    return f"<{len(text)} bytes>"


def _short(text: str) -> str:
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}..."


def _constants(prefixes: list[str]) -> list[tuple[str, int]]:
    known = vars(uapi).items()
    return [(key, value) for key, value in known if key.startswith(tuple(prefixes)) and type(value) is int]


def _name(value: int, prefix: str) -> str:
    return next((key for key, known in _constants([prefix]) if known == value), str(value))


def _flags(value: int, prefixes: list[str]) -> str:
    words = []
    for key, known in _constants(prefixes):
        if known > 0 and value & known == known:
            words.append(key)
            value &= ~known
    if value or not words:
        words.append(f"{value:#x}" if value else "0")
    return "|".join(words)


class _Traced:
    """`posix`, whose functions tell that they are called."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __dir__(self) -> list[str]:
        return dir(self._module)  # signals.name looks for a number's name in it

    def __getattr__(self, name: str) -> object:
        value = getattr(self._module, name)
        if not callable(value) or isinstance(value, type) or name in _SILENT or name.startswith(("W", "P_")):
            return value

        def told(*arguments: object, **keywords: object) -> object:
            return _told(lambda: _worded(name, value, arguments, keywords), value, *arguments, **keywords)

        return told


class _Raw:
    """`_raw` with a clone3 that reports the child. The child itself reports nothing: what it may use is not settled."""

    def __getattr__(self, name: str) -> object:
        return getattr(_raw, name)

    def clone3(self, flags: int, cgroup_fd: int) -> tuple[int, int]:
        words = f"clone3(flags={_flags(flags, ['CLONE_'])}, cgroup={cgroup_fd})"
        try:
            pid, pidfd = _raw.clone3(flags, cgroup_fd)
        except OSError as error:
            _tell(f"{words}{_failure(error)}")
            raise
        if pid:
            _tell(f"{words} = {pid}, pidfd {pidfd}")
        return pid, pidfd


class _Socket(_socket.socket):
    """Reports what goes out of it; a function that understands what comes in has words of its own."""

    def bind(self, address: Any) -> None:
        _told(lambda: f"bind(fd={self.fileno()}, address={_object(address)})", super().bind, address)

    def connect(self, address: Any) -> None:
        _told(lambda: f"connect(fd={self.fileno()}, address={_object(address)})", super().connect, address)

    def sendmsg(self, buffers: Any, *arguments: Any) -> int:
        words = lambda: f"sendmsg(fd={self.fileno()}, data={_object(b''.join(buffers))})"  # noqa: E731
        return int(_told(words, super().sendmsg, buffers, *arguments))


class _Sockets:
    """`_socket`, whose sockets tell."""

    socket = _Socket

    def __getattr__(self, name: str) -> object:
        return getattr(_socket, name)

    def socketpair(self, *arguments: int) -> tuple[_Socket, ...]:
        return tuple(_Socket(fileno=end.detach()) for end in _socket.socketpair(*arguments))


_NAMES = {number: name for name, number in call.SYS.items()}
_PLAIN = call.syscall
_MAKERS: tuple[tuple[str, object, object], ...] = (
    ("syscall", _PLAIN, _syscall),
    ("posix", posix, _Traced(posix)),
    ("_signal", _signal, _Traced(_signal)),
    ("_raw", _raw, _Raw()),
    ("_socket", _socket, _Sockets()),
)


def _worded(name: str, function: object, arguments: tuple[object, ...], keywords: dict[str, object]) -> str:
    # "($module, path, mode=511, *, dir_fd=None)": CPython's Argument Clinic writes it for every function of C
    signature = getattr(function, "__text_signature__", None) or ""
    known = [part.strip(" ()").partition("=")[0] for part in signature.split(",")]
    known = [part for part in known if part.isidentifier()]
    words = []
    for index, value in enumerate(arguments):
        argument = known[index] if index < len(known) else f"arg{index + 1}"
        words.append(f"{argument}={_object(value)}")
    words += [f"{argument}={_object(value)}" for argument, value in keywords.items()]
    return f"{name}({', '.join(words)})"


def _object(value: object) -> str:
    if isinstance(value, (bytes, bytearray)) and len(value) > _LENGTH:
        return f"<{len(value)} bytes>"
    return _short(repr(value))


def _told(words: Callable[[], str], function: Callable[..., Any], *arguments: object, **named: object) -> Any:
    try:
        result = function(*arguments, **named)
    except OSError as error:
        _tell(f"{words()}{_failure(error)}")
        raise
    _tell(f"{words()} = {_object(result)}" if result is not None else words())
    return result


def _failure(error: OSError) -> str:
    number = error.errno or 0
    return f" = -1 {errno.errorcode.get(number, number)} ({posix.strerror(number).lower()})"


def _tell(words: str) -> None:
    tell = call.log
    if tell is None:
        return
    call.log = None  # what telling itself calls
    try:
        tell(words)
    except Exception:  # noqa: BLE001  # nobody listens any more
        return
    call.log = tell
