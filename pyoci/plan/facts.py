"""The facts that a plan must know of the host: the only file of `plan` that looks at it."""

from __future__ import annotations

import posix

from pyoci.kernel.uapi import NAMESPACE_FILES
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Facts(Record):
    """`capabilities` is the bounding set of the runtime, or every known one where a new user namespace gives them."""

    uid: int
    gid: int
    capabilities: int
    apparmor: bool
    selinux: bool
    listen_fds: int = 0


def gather() -> Facts:
    from pyoci.kernel import capabilities

    return Facts(
        uid=posix.geteuid(),
        gid=posix.getegid(),
        capabilities=capabilities.get()[1] & capabilities.bounding(),
        apparmor=_first_byte("/sys/module/apparmor/parameters/enabled") == b"Y",
        selinux=posix.access("/sys/fs/selinux/enforce", posix.F_OK),
        listen_fds=_listen_fds(),
    )


def _listen_fds() -> int:
    """sd_listen_fds(3): descriptors that the caller passes on, meant for this process."""
    count = _variable(b"LISTEN_FDS")
    owner = _variable(b"LISTEN_PID")
    if not (count.isascii() and count.isdigit() and len(count) < 5) or (owner and owner != str(posix.getpid())):
        return 0
    number = int(count)
    # who calls may have had them and closed them since, as runc and crun take it
    return number if all(_is_passed(fd) for fd in range(3, 3 + number)) else 0


def _is_passed(fd: int) -> bool:
    import fcntl  # only where somebody passes descriptors

    try:
        return not fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    except OSError:
        return False


def _variable(name: bytes) -> str:
    return posix.environ.get(name, b"").decode("utf-8", "surrogateescape")


def shared_namespaces(config: dict[str, Any]) -> list[str]:
    """The types of namespaces that the config joins by a path, and that are the runtime's own under another name."""
    shared = []
    for entry in (config.get("linux") or {}).get("namespaces") or ():
        path = entry.get("path")
        if path and is_own_namespace(path, entry["type"]):
            shared.append(entry["type"])
    return shared


def is_own_namespace(path: str | int, kind: str) -> bool:
    """`path`: or a descriptor. What cannot be looked at is for the one who joins it to refuse."""
    try:
        namespace, ours = posix.stat(path), posix.stat(f"/proc/self/ns/{NAMESPACE_FILES[kind]}")
    except (OSError, ValueError):
        return False
    return (namespace.st_dev, namespace.st_ino) == (ours.st_dev, ours.st_ino)


def _first_byte(path: str) -> bytes:
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return posix.read(fd, 1)
    finally:
        posix.close(fd)
