"""Entries of other runtimes, which engines give the same root, and of other users: pyoci leaves them alone."""

from __future__ import annotations

import errno
import posix

from pyoci import jsontext
from pyoci.errors import ConfigError, StateError
from pyoci.kernel import read_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.state.store import Entry

_MARKS = ("status", "youki_config.json")  # crun's record, and what youki has beside its own
_STATE_FILE = "state.json"  # runc's, too
_MAX_BYTES = 16 << 20
WORDS = "another runtime made this container, in the same --root: use that one"


def are_in(folder: int) -> bool:
    """Whether the entry that the descriptor stands for is of runc, crun, youki, or one that is made like them."""
    names = posix.listdir(folder)
    return any(mark in names for mark in _MARKS) or (_STATE_FILE in names and _is_another_state(folder))


def foreign(folder: int, ours: tuple[str, ...]) -> str:
    """The name of a file that entries of pyoci's do not have (those are `ours`); empty where there is no such file."""
    return next((name for name in posix.listdir(folder) if name not in ours and not _is_temporary(name, ours)), "")


def way_out(folder: int, container_id: str, ours: tuple[str, ...]) -> str:
    """Advice about an entry whose record cannot be read."""
    if are_in(folder):
        return WORDS
    if other := foreign(folder, ours):
        return f"the folder is not a container's, since it holds {other!r}: --root names another folder"
    return f"pyoci delete --force {container_id} removes it"


def _is_temporary(name: str, ours: tuple[str, ...]) -> bool:
    """Of a write to the entry that was killed."""
    return name.startswith(".") and name[1:].rpartition(".")[0] in ours


def _is_another_state(folder: int) -> bool:
    """A record of pyoci's says its format first of all; one that was cut or overwritten is not even an object."""
    flags = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC
    try:
        fd = posix.open(_STATE_FILE, flags, dir_fd=folder)
    except OSError:
        return False
    try:
        if posix.fstat(fd).st_size > _MAX_BYTES:
            return False
        document = jsontext.loads(read_all(fd), what=_STATE_FILE, limit=_MAX_BYTES)
    except (OSError, ConfigError):
        return False
    finally:
        posix.close(fd)
    return type(document) is dict and "id" in document and "format" not in document


def take_over(entry: Entry) -> None:
    """Empty the folder of a `create` that was killed before it published its entry. Raises StateError."""
    status = posix.fstat(entry.dirfd)
    if status.st_uid != posix.geteuid() or status.st_mode & 0o077:
        raise StateError(f"make {entry.path}: {entry.place} belongs to another user; remove it")
    for name in posix.listdir(entry.dirfd):
        entry.unlink(name)


def refuse(entry: Entry) -> None:
    """Raise StateError for an entry that is not the caller's own, or that others may write to."""
    with entry:
        status = posix.fstat(entry.dirfd)
    why = f"others may write to it (mode {status.st_mode & 0o7777:04o}), and could exchange what it says"
    if status.st_uid != posix.geteuid():
        why = f"it belongs to user {status.st_uid}; call pyoci as that user"
    raise StateError(f"open {entry.path}: {why}")


def hint(error: OSError) -> str:
    """For an ordinary user without a session, whose states would be beside root's."""
    if error.errno != errno.EACCES or posix.geteuid() == 0:
        return ""
    return "; an ordinary user has states in $XDG_RUNTIME_DIR/pyoci, or where --root DIR says"
