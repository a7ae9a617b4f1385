"""Every error that pyoci raises on purpose.

    PyociError                  exit status 1, one line for a person
    ├── UsageError              the command line is wrong
    ├── ConfigError             config.json (or process.json, resources) breaks the spec
    ├── UnsupportedError        a valid property that pyoci or this kernel cannot apply
    ├── StateError              the container is not in a state for that
    │   ├── ContainerNotFound
    │   ├── ContainerExists
    │   └── InvalidId
    ├── SyscallError            the kernel said no: call, arguments by name, errno
    ├── CgroupError             a cgroup file or group refused: file, value, reason
    ├── HookError               a hook failed: which, how
    ├── ExecutableError         process.args[0] cannot be executed
    ├── CriuError               criu failed, or cannot do what is asked for; the words of its log
    └── ContainerError          the container side failed; its words, passed on

A message reads `doing what: cause`: lower case, no full stop, the value that was refused in it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

# podman (libpod/oci_conmon_common.go) and docker (daemon/errors.go) search the runtime's error text for these
# words to choose exit status 127 or 126; containerd and podman search the last for `delete` and `kill`.
EXECUTABLE_NOT_FOUND = "executable file not found in $PATH"
NO_SUCH_FILE = "no such file or directory"
PERMISSION_DENIED = "permission denied"
DOES_NOT_EXIST = "container does not exist"
NOT_RUNNING = "container not running"

# Such a container was made with --cgroup-manager disabled, or by a user who may not make groups.
NO_CGROUP = (
    "it was made without a cgroup; make it again without --cgroup-manager disabled, and as a user with "
    "--systemd-cgroup, in a session of systemd"
)

# runc's words for what engines' users meet most; their scripts and suites search for them.
CGROUP_NOT_EMPTY = "container's cgroup is not empty"
CGROUP_FROZEN = "container's cgroup unexpectedly frozen"
HOOK_FAILED = "error running"
DETACHED_TERMINAL = "cannot allocate tty if pyoci will detach without setting console socket"
SOCKET_UNUSED = "cannot use console socket if pyoci will not detach or allocate tty"

# Characters of a message. What hooks and tools write is passed on, and is at most 2048 bytes.
_LONGEST = 3000
_TAIL = 1000
_WORD_MAX = 300  # a value of the config, an argument; no path that somebody uses is longer
_WORD_TAIL = 60
_PROBLEMS = 20  # of a document, in a message; `validate` shows all

_ENDING = {1: "SIGHUP", 2: "SIGINT", 15: "SIGTERM"}


def bounded(message: str) -> str:
    """A message of bearable length: of a longer one, and of a word that is too long, the ends."""
    if len(message) > _WORD_MAX:
        lines = message.split("\n")
        message = "\n".join(" ".join(map(_bounded_word, line.split(" "))) for line in lines)
    if len(message) <= _LONGEST:
        return message
    return f"{message[: _LONGEST - _TAIL]} ... {message[-_TAIL:]}"


def _bounded_word(word: str) -> str:
    return word if len(word) <= _WORD_MAX else f"{word[: _WORD_MAX - _WORD_TAIL]}...{word[-_WORD_TAIL:]}"


class PyociError(Exception):
    """Base of all errors that are reported as one line, without a traceback; of one that is too long the ends.

    errno  of the call that the kernel refused; 0 where there was none
    place  the property of config.json, as a JSON pointer, or the option that the error is about; empty where not known
    """

    exit_status = 1
    errno = 0
    place = ""

    def __init__(self, message: str) -> None:
        super().__init__(bounded(message))

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by the constructor, as exceptions are by default: it makes the words of its arguments, which are made.
        return _again, (type(self), self.args, vars(self))

    def at(self, place: str) -> Self:
        """The error itself, now with its place; it keeps one that it has."""
        self.place = self.place or place
        return self

    def lead_on(self, words: str) -> None:
        """Say what to do about it, after the words that engines look for."""
        if words:
            self.args = (bounded(f"{self}; {words}"),)


class Interrupted(BaseException):
    """A signal asked the command to end: what it has begun is undone on the way out. Not caught with errors."""

    def __init__(self, signal: int, outcome: str) -> None:
        self.exit_status = 128 + signal  # as shells count
        super().__init__(f"interrupted by {_ENDING.get(signal, f'signal {signal}')}: {outcome}")


class UsageError(PyociError):
    """The command line is wrong."""


class ConfigError(PyociError):
    """A document breaks the specification.

    `problems` holds one line each: JSON pointer, what the value must be, what it is.
    """

    def __init__(self, problems: list[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else problems
        more = len(self.problems) - _PROBLEMS
        shown = self.problems[:_PROBLEMS] + ([f"and {more} more; pyoci validate lists them"] if more > 0 else [])
        super().__init__("; ".join(shown))


class UnsupportedError(PyociError):
    """A property that the spec defines and that cannot be applied here."""


class StateError(PyociError):
    """The container's status does not allow the operation."""


class ContainerNotFound(StateError):
    def __init__(self, container_id: str, why: str = "") -> None:
        self.container_id = container_id
        super().__init__(f"{DOES_NOT_EXIST}: {container_id!r}" + (f": {why}" if why else ""))


class ContainerExists(StateError):
    def __init__(self, container_id: str) -> None:
        self.container_id = container_id
        # "already exists" is what runc says and what containerd's tests look for.
        super().__init__(f"container with given ID already exists: {container_id!r}")


class InvalidId(StateError):
    """A container ID with characters or a length that are not allowed."""


class SyscallError(PyociError):
    """The kernel refused a call.

    `errno` is the number; `call` names the call with its arguments, flags by name.
    """

    def __init__(self, errno: int, call: str) -> None:
        self.errno = errno
        self.call = call
        self.args = ()

    def __str__(self) -> str:
        # Made when somebody asks: most of these errors are caught, such as those of a path that is not there yet.
        return str(self.args[0]) if self.args else bounded(f"{self.call}: {reason(self.errno)}")

    def __repr__(self) -> str:
        return f"SyscallError({str(self)!r})"


class CgroupError(PyociError):
    """A cgroup file refused a value, or a group could not be made or removed."""


class HookError(PyociError):
    """A hook failed or ran out of time."""


class ExecutableError(PyociError):
    """process.args[0] cannot be executed; the words are those that engines look for."""


class CriuError(PyociError):
    """criu(8) failed, is too old, or says what nobody understands."""


class ContainerError(PyociError):
    """The container side failed; the text is what it sent."""


def to_data(error: PyociError) -> dict[str, Any]:
    """`error` for a program: its class as `kind`, its words, and what else it knows. For JSON; see `from_data`."""
    fields = {name: value for name, value in vars(error).items() if name != "exit_status"}
    return {"kind": type(error).__name__, "message": str(error), "fields": fields}


def from_data(data: dict[str, Any]) -> PyociError:
    """The error that `to_data` took apart in another process. A class that this version lacks becomes PyociError."""
    named = globals().get(data.get("kind", ""))
    kind = named if isinstance(named, type) and issubclass(named, PyociError) else PyociError
    return _again(kind, (str(data.get("message", "")),), data.get("fields") or {})


def _again(kind: type[PyociError], args: tuple[Any, ...], members: dict[str, Any]) -> PyociError:
    """An error as it was, from its parts."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(members)
    return error


def unexpected(error: BaseException) -> str:
    """Words for an exception that is not one of ours: a call of the system without words of its own, or a fault."""
    if isinstance(error, MemoryError):
        return "out of memory"
    if not isinstance(error, OSError):
        return f"internal error: {str(error) or 'no reason given'}"
    place = f" on {error.filename!r}" if error.filename else ""
    return f"system call failed{place}: {reason(error)}"


# As a seccomp filter around pyoci may answer for the kernel; without words where the process could not even report.
SIGNS_OF_A_FILTER = ("(EPERM)", "(ENOSYS)", "exited unexpectedly", "permission denied")
_OLDEST_KERNEL = [5, 12]  # that has mount_setattr(2), which every container needs


def reason(error: OSError | ValueError | int) -> str:
    """Why the system refused, from an error or its number: `no such file or directory (ENOENT)`."""
    number = error if isinstance(error, int) else getattr(error, "errno", None)
    if not number:
        return str(error)  # Python's own, such as "AF_UNIX path too long"
    import errno as names  # a builtin module: no file is opened, even inside the container
    import posix

    words = f"{posix.strerror(number).lower()} ({names.errorcode.get(number, number)})"
    if number == names.EMFILE:
        return f"{words}; the caller's limit of open files is too low (ulimit -n)"
    if number == names.EFBIG:
        return f"{words}; the caller's limit for the size of a file is too low (ulimit -f)"
    if number not in (names.ENOSYS, names.EINVAL):  # of calls, and of flags, that a kernel does not know
        return words
    try:
        release = posix.uname().release
    except OSError:
        return words  # a filter that refuses this call, too
    version = [int(part) for part in release.split(".")[:2] if part.isdecimal()]
    return f"{words}; pyoci needs Linux 5.15, and this is {release}" if [0] < version < _OLDEST_KERNEL else words
