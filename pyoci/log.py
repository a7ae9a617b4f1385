"""Where messages go: standard error for a person, the --log file for an engine; with --log-format json and no file,
standard error is for an engine, too.

containerd's and docker's shims take the last JSON entry of level `error` as the reason of a failure;
podman searches the file for the words in `pyoci.errors`. So an entry is one line, written by one write to a
descriptor in append mode: several commands may share the file.

An entry never raises: a full disk or a closed standard error must not turn a container that runs into a
failure. Nor does one wait for ever: a pipe or a terminal that nobody reads gets nothing more after PATIENCE seconds.
"""

from __future__ import annotations

import errno
import posix
import time

from pyoci.errors import PyociError, bounded, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LEVELS = ("debug", "info", "warning", "error")
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}  # syslog(3)
_S_IFMT, _S_IFREG = 0o170000, 0o100000
_SERVICES = {"syslog": "/dev/log", "journald": "/run/systemd/journal/socket"}

PATIENCE = 10.0  # seconds
_PIPE_BUF = 4096  # what a pipe takes at once when it is writable, pipe(7)

TEXT = "text"
JSON = "json"


class _Sink:
    """The settings of --log, --log-format and --debug."""

    __slots__ = ("as_json", "fd", "given_up", "least", "send", "verbose")

    def __init__(self) -> None:
        self.fd: int | None = None
        self.send: Callable[[str, str], None] | None = None  # to syslog or journald
        self.given_up: set[int] = set()  # descriptors that nobody reads
        self.least = 0
        self.as_json = False
        self.verbose = False


_sink = _Sink()


def setup(path: str | None, format: str = TEXT, debug: bool = False, level: str = "info") -> None:
    """Send entries to the file `path` (appended to, made when missing; none if empty), in `format`: text or json.

    `path` may begin with `file:`, or be `syslog:NAME` or `journald:NAME`. Entries below `level` are left out. Raises
    PyociError when the file cannot be opened, or nobody listens, and for a kind of log that there is not: what begins
    with a word and a colon, and has no slash before them.
    """
    _sink.least = 0 if debug else _LEVELS.index(level)
    _sink.send = None
    _sink.as_json = format == JSON
    _sink.verbose = debug
    if not path:
        return
    kind, colon, name = path.partition(":")
    if colon and kind in ("syslog", "journald"):
        _sink.send = _service(kind, name)
        return
    if colon and kind == "file":
        path = name
    elif colon and kind.isascii() and kind.isalpha():
        raise PyociError(
            f"option --log: no kind of log is called {kind[:40]!r}; there are file, syslog and journald"
            f" (a file of this name: file:{path[:200]} or ./{path[:200]})"
        )
    # O_NONBLOCK: a FIFO that nobody reads must not hold the command up, neither now nor when it is full
    try:
        # O_NONBLOCK: a FIFO that nobody reads must not hold the command up, neither now nor when it is full
        _sink.fd = open_written(path, posix.O_APPEND | posix.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise PyociError(f"open log file {path!r}: {reason(error)}") from None


def open_written(path: str, flags: int) -> int:
    """Open a file that the caller names, to write to it; it is made when missing. Raises OSError, PyociError.

    A link is followed unless it is another user's: that user would choose the file that root writes to.
    """
    flags |= posix.O_CREAT | posix.O_NOCTTY | posix.O_CLOEXEC
    try:
        return _open(path, flags | posix.O_NOFOLLOW)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    from pyoci.kernel import foreign_link

    maker = foreign_link.maker(path)
    if maker:
        raise PyociError(f"open {path!r}: {foreign_link.words(maker)}")
    return _open(path, flags)


def _open(path: str, flags: int) -> int:
    try:
        return posix.open(path, posix.O_WRONLY | flags, 0o644)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return posix.open(path, posix.O_RDWR | flags, 0o644)  # fifo(7): does not wait for a reader


def send_to(send: Callable[[str, str], None]) -> None:
    """Give entries to `send`, level and message, in place of the file that `setup` has opened."""
    if _sink.fd is not None:
        posix.close(_sink.fd)
        _sink.fd = None
    _sink.send = send


def error(message: str, reason: PyociError | None = None) -> None:
    """The reason why a command fails: to the log, and always to standard error.

    `reason` is the error whose words these are: with --log-format json the entry has its `kind` and `fields`, too.
    """
    message = bounded(message)
    has_log = _log("error", message, reason)
    # With a log it is an engine that calls us, and podman puts our name before what it finds on standard error.
    _say("error", "" if has_log else "pyoci: ", message, reason)


def warning(message: str) -> None:
    """Something failed that the command does not depend on, or was not applied: to the log, else to standard error."""
    message = bounded(message)
    if not _log("warning", message):
        _say("warning", "pyoci: warning: ", message)


def info(message: str) -> None:
    if not _log("info", message) and _sink.verbose:
        _say("info", "pyoci: ", message)


def debug(message: str) -> None:
    """Log a step; only with --debug."""
    if _sink.verbose and not _log("debug", message):
        _say("debug", "pyoci: debug: ", message)


def is_verbose() -> bool:
    """Whether --debug was given, for messages that are costly to make."""
    return _sink.verbose


def one_line(text: str) -> str:
    """`text` without control characters: a container's words must not reach a terminal as commands."""
    if text.isprintable():
        return text
    # not the codec unicode_escape: it is a module, which the sealed program does not find
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text.strip())


def _log(level: str, message: str, reason: PyociError | None = None) -> bool:
    """Write an entry to the log, unless it is not severe enough; False when there is no log."""
    if _LEVELS.index(level) < _sink.least:
        return _sink.fd is not None or _sink.send is not None or level != "error"
    if _sink.send is not None:
        _sink.send(level, one_line(message))
        return True
    if _sink.fd is None:
        return False
    _write(_sink.fd, _entry(level, message, reason))
    return True


def _say(level: str, prefix: str, message: str, reason: PyociError | None = None) -> None:
    """To standard error."""
    as_entry = _sink.as_json and _sink.fd is None and _sink.send is None
    _write(2, _entry(level, message, reason) if as_entry else f"{prefix}{one_line(message)}\n")


def _service(kind: str, name: str) -> Callable[[str, str], None]:
    """A function that sends an entry to syslog(3) or journald, as `name`. Raises PyociError when nobody listens."""
    import _socket

    name = name or "pyoci"
    path = _SERVICES[kind]
    if not name.isprintable() or "[" in name:
        raise PyociError(f"option --log: {name!r} cannot be a name in {kind}")
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        connection.connect(path)
    except OSError as error:
        connection.close()
        raise PyociError(f"open log {kind}: connect {path}: {reason(error)}") from None
    fd = connection.detach()

    def send(level: str, message: str) -> None:
        if kind == "syslog":
            entry = f"<{24 + _PRIORITIES[level]}>{name}[{posix.getpid()}]: {message}"  # LOG_DAEMON
        else:
            entry = f"PRIORITY={_PRIORITIES[level]}\nSYSLOG_IDENTIFIER={name}\nMESSAGE={message}\n"
        _write(fd, entry)

    return send


def _entry(level: str, message: str, reason: PyociError | None) -> str:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    from pyoci.jsontext import quoted

    if _sink.as_json:
        return f'{{"level":"{level}","msg":{quoted(message)},"time":"{now}"{_members(reason)}}}\n'
    return f'time="{now}" level={level} msg={quoted(message)}\n'


def _members(reason: PyociError | None) -> str:
    """`kind` and `fields` of an error, as further members of an entry: names that stay, for programs."""
    if reason is None:
        return ""
    from pyoci import errors, jsontext

    data = errors.to_data(reason)
    try:
        return f',"kind":"{data["kind"]}","fields":{jsontext.dumps(data["fields"])}'
    except PyociError:
        return ""  # a path that JSON cannot hold: the words are there


def _write(fd: int, line: str) -> None:
    try:
        data = line.encode("utf-8", "backslashreplace")
        if posix.fstat(fd).st_mode & _S_IFMT == _S_IFREG:
            posix.write(fd, data)
            return
        while data and _is_writable(fd):
            data = data[posix.write(fd, data[:_PIPE_BUF]) :]
    except OSError:
        pass  # nobody is left to read it: the descriptor is closed, its reader gone, or the disk full


def _is_writable(fd: int) -> bool:
    if fd in _sink.given_up:
        return False
    import select  # a shared object that most commands do without

    poller = select.poll()
    poller.register(fd, select.POLLOUT)
    if poller.poll(PATIENCE * 1000):
        return True
    _sink.given_up.add(fd)
    return False
