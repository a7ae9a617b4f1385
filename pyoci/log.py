"""Where messages go: standard error for a person, the --log file for an engine; with --log-format json and no file,
standard error is for an engine, too.

containerd's and docker's shims take the last JSON entry of level `error` as the reason of a failure;
podman searches the file for the words in `pyoci.errors`. So an entry is one line, written by one write to a
descriptor in append mode: several commands may share the file.

An entry never raises: a full disk or a closed standard error must not turn a container that runs into a
failure.
"""

from __future__ import annotations

import posix
import time

from pyoci.errors import PyociError, bounded

TEXT = "text"
JSON = "json"


class _Sink:
    """What --log, --log-format and --debug ask for."""

    __slots__ = ("as_json", "fd", "verbose")

    def __init__(self) -> None:
        self.fd: int | None = None
        self.as_json = False
        self.verbose = False


_sink = _Sink()


def setup(path: str | None, format: str = TEXT, debug: bool = False) -> None:
    """Send entries to the file `path` (appended to, made when missing; none if empty), in `format`: text or json.

    Raises PyociError when the file cannot be opened.
    """
    _sink.as_json = format == JSON
    _sink.verbose = debug
    if not path:
        return
    try:
        _sink.fd = posix.open(path, posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_CLOEXEC, 0o644)
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
        raise PyociError(f"open log file {path!r}: {reason}") from None


def error(message: str, reason: PyociError | None = None) -> None:
    """The reason why a command fails: to the log, and always to standard error.

    `reason` is the error whose words these are: with --log-format json the entry has its `kind` and `fields`, too.
    """
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
    """What is done, step by step; only with --debug."""
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
    """Write an entry to the log file; False when there is none."""
    if _sink.fd is None:
        return False
    _write(_sink.fd, _entry(level, message, reason))
    return True


def _say(level: str, prefix: str, message: str, reason: PyociError | None = None) -> None:
    """To standard error."""
    as_entry = _sink.as_json and _sink.fd is None
    _write(2, _entry(level, message, reason) if as_entry else f"{prefix}{one_line(message)}\n")


def _entry(level: str, message: str, reason: PyociError | None) -> str:
    # Not at the top: it may be a file's module, and this one is part of the program's snapshot.
    from _json import encode_basestring_ascii as quoted

    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
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
        posix.write(fd, line.encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # nobody is left to be told: the descriptor is closed, its reader gone, or the disk full
