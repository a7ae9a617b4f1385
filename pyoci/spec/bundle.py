"""Find and read a bundle's config.json, and check documents of the specification.

A valid one costs what `_generated_config.py` costs; jsonschema is imported only to explain a refusal.
"""

from __future__ import annotations

import _stat as stat
import posix

from pyoci import jsontext
from pyoci.errors import ConfigError, reason
from pyoci.spec.patterns import Mismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

CONFIG = "config.json"
_LOOKED_AT = 1000  # names of a folder without one


def load(bundle: str, file: str = "") -> tuple[dict[str, Any], bytes]:
    """The configuration in the directory `bundle`, or in `file`, in its schema's shape, and its text.

    Raises ConfigError with every problem that the schema finds. What `rules.check` finds comes after that.
    """
    path = file or f"{bundle}/{CONFIG}"
    data = read_file(path, hint=why_missing)
    config = jsontext.loads(data, what=path)
    if accept(config, "config"):
        data = jsontext.dumps(config).encode("ascii")
    return config, data


def read_stream(path: str, limit: int = jsontext.MAX_BYTES) -> bytes:
    """The content of `path`, at most `limit` bytes, whatever file it is: `<(...)` and /dev/stdin are pipes.

    Raises ConfigError.
    """
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOCTTY)
        try:
            return _read(fd, path, limit)
        finally:
            posix.close(fd)
    except ValueError:
        raise ConfigError(f"{path!r}: a path cannot hold a NUL") from None
    except OSError as error:
        raise ConfigError(f"read {path}: {reason(error)}") from None


def read_file(path: str, limit: int = jsontext.MAX_BYTES, hint: Callable[[str], str] | None = None) -> bytes:
    """The content of a file or a pipe, at most `limit` bytes. Raises ConfigError, with `hint` of what is not there.

    A link is followed, as runc does: the bundle is its caller's. Anything else is refused before it is opened, since
    opening a device can do things.
    """
    try:
        kind = stat.S_IFMT(posix.stat(path).st_mode)
        _require_readable(path, kind)
        # O_NONBLOCK: should it have become a FIFO since. Whoever names one wants its writer to be waited for.
        waits = 0 if kind == stat.S_IFIFO else posix.O_NONBLOCK
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOCTTY | waits)
        try:
            if stat.S_IFMT(posix.fstat(fd).st_mode) != kind:
                raise ConfigError(f"read {path}: it was replaced meanwhile")
            return _read(fd, path, limit)
        finally:
            posix.close(fd)
    except ValueError:
        raise ConfigError(f"{path!r}: a path cannot hold a NUL") from None
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        words = hint(path) if hint is not None and missing else ""
        raise ConfigError(f"read {path}: {reason(error)}{words}") from None


def why_missing(path: str) -> str:
    """Advice for a config.json that is missing."""
    folder = path.rpartition("/")[0] or "/"
    if not posix.access(folder, posix.F_OK):
        return f"; there is no folder {folder}"
    if not stat.S_ISDIR(posix.stat(folder).st_mode):
        return f"; the bundle is a folder that holds {CONFIG}, and {folder} is a file"
    names = posix.listdir(folder)[:_LOOKED_AT] if posix.access(folder, posix.R_OK) else []
    for name in sorted(names):
        if posix.access(f"{folder}/{name}/{CONFIG}", posix.F_OK):
            return f"; {folder}/{name} has one: the bundle is the folder that holds {CONFIG}"
    if posix.access(f"{folder}/../{CONFIG}", posix.F_OK):
        return f"; the folder above it has one: the bundle is the folder that holds {CONFIG}"
    return f"; a bundle holds a {CONFIG}, and pyoci spec writes one"


def _require_readable(path: str, kind: int) -> None:
    if kind not in (stat.S_IFREG, stat.S_IFIFO):
        raise ConfigError(f"read {path}: must be a file or a pipe")


def _read(fd: int, path: str, limit: int) -> bytes:
    chunks: list[bytes] = []
    left = limit + 1
    while left > 0:
        chunk = posix.read(fd, min(left, 1 << 16))
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        left -= len(chunk)
    raise ConfigError(f"read {path}: larger than {limit} bytes")


def accept(document: Any, kind: str) -> bool:
    """Check as `check_document` does; a member that is null counts as absent, and is taken out. Whether there was one.

    The schema has no null, but runc and youki read it so, and what writes documents for them may write it.
    """
    try:
        _check(kind)(document)
        return False
    except Mismatch:
        dropped = _drop_nulls(document)
    check_document(document, kind)
    return dropped


def _drop_nulls(value: Any) -> bool:
    """Remove members that are null from all objects; False when no object had one."""
    had_null = False
    if isinstance(value, dict):
        for name in [name for name, member in value.items() if member is None]:
            del value[name]
            had_null = True
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        had_null = _drop_nulls(member) or had_null
    return had_null


def unknown_of_process(document: dict[str, Any]) -> list[str]:
    """A line for each property of a process that the specification has not; `document` has its schema's shape.

    Two levels are all that a process has, so that the walk over the schema is left to those who need its words.
    """
    from pyoci.spec._generated_config import PROCESS

    for name, member in document.items():
        known = PROCESS.get(name)
        inner = () if not known else member if type(member) is list else (member,)
        if known is None or any(key not in known for item in inner for key in item):
            from pyoci.spec import unknown

            return list(unknown.properties(document, "process"))
    return []


def check_document(document: object, kind: str) -> None:
    """Check a document against schemas/config.json; `kind` says which part of it: config, process or resources.

    Raises ConfigError with all problems; without any where jsonschema cannot be imported.
    """
    try:
        _check(kind)(document)
    except Mismatch:
        raise ConfigError(_explain(document, kind)) from None


def all_problems(config: object) -> list[str]:
    """Everything that is wrong with a configuration, by the schema and by the rules, at once."""
    from pyoci.spec import rules

    problems: list[str] = []
    try:
        check_document(config, "config")
    except ConfigError as error:
        problems = error.problems
    if not isinstance(config, dict):
        return problems
    if not problems:
        return rules.check(config)
    refused = [line.partition(": ")[0] for line in problems]
    for line in rules.check_what_can_be(config):
        place = line.partition(": ")[0]
        # What the schema refused has been said; a rule would only say it in other words.
        if not any(place.startswith(other) or other.startswith(place) for other in refused):
            problems.append(line)
    return problems


def _check(kind: str) -> Callable[[object], None]:
    from pyoci.spec import _generated_config

    if kind == "process":
        return _generated_config.check_process
    if kind == "resources":
        return _generated_config.check_resources
    return _generated_config.check


def _explain(document: object, kind: str) -> list[str]:
    try:
        from pyoci.spec.explain import explain

        problems = [line for _path, line in explain(document, kind)]
    except ImportError:
        problems = []
    return problems or [f"{kind}: not what its schema asks for; with jsonschema installed, the message has the place"]
