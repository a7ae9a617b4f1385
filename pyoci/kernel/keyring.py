"""The session keyring: keys of whoever called the runtime are not the container's. See session-keyring(7)."""

from __future__ import annotations

import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel.call import SYS, encode, syscall

_JOIN_SESSION_KEYRING = 1
_SETPERM = 5
_DESCRIBE = 6
_OWN_SESSION = -3  # KEY_SPEC_SESSION_KEYRING

# keyutils.h: KEY_POS_ALL, KEY_USR_SEARCH, KEY_OTH_SEARCH
_POSSESSOR_MAY_ALL = 0x3F000000
_OWNER_MAY_SEARCH = 0x00080000
_OTHERS_MAY_SEARCH = 0x00000008

_HINTS = {
    errno.EDQUOT: " (this user has all keys that /proc/sys/kernel/keys allows; or use --no-new-keyring)",
    errno.EACCES: " (a keyring of this name belongs to somebody else)",
}


def join_session(name: str, *, others_may_search: bool = False) -> bool:
    """Make the session keyring called `name` this process's own, new if there is none that it may search.

    It is made searchable for its owner, or for others with `others_may_search`: a process that joins a container with
    a user namespace has other ids than the one that made it. Nobody else may view it, so that its name stays out of
    /proc/keys: whoever knows it can join. Returns False when the kernel has no keys (ENOSYS): then none of the
    caller's can be seen either.
    """
    try:
        syscall(SYS["keyctl"], _JOIN_SESSION_KEYRING, encode(name), 0, 0, 0)
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return False
        raise _failure(error, f"join session keyring {name!r}").at("--no-new-keyring") from None
    _permit(_POSSESSOR_MAY_ALL | (_OTHERS_MAY_SEARCH if others_may_search else _OWNER_MAY_SEARCH))
    return True


def _permit(permission: int) -> None:
    owner, permissions, name = session()
    if permissions == permission or owner != posix.geteuid():
        return  # joined, not made: only the owner may change them, and has
    try:
        syscall(SYS["keyctl"], _SETPERM, _OWN_SESSION, permission, 0, 0)
    except OSError as error:
        raise _failure(error, f"set permissions {permission:#x} of session keyring {name!r}") from None


def session() -> tuple[int, int, str]:
    """This process's session keyring: owner, permission bits and name; keyctl_describe(3)."""
    buffer = bytearray(4096)
    try:
        length = syscall(SYS["keyctl"], _DESCRIBE, _OWN_SESSION, buffer, len(buffer), 0)
    except OSError as error:
        raise _failure(error, "describe the session keyring") from None
    # type;uid;gid;permissions;name
    fields = bytes(buffer[: length - 1]).decode("utf-8", "surrogateescape").split(";", 4)
    return int(fields[1]), int(fields[3], 16), fields[4]


def _failure(error: OSError, what: str) -> SyscallError:
    number = error.errno or 0
    return SyscallError(number, what + _HINTS.get(number, ""))
