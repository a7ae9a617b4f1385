"""An ordinary user becomes root of a user namespace: with the subordinate IDs of /etc/subuid where they can be had."""

from __future__ import annotations

import os
import pwd
import shutil

from pyoci.errors import PyociError, SyscallError
from pyoci.host import idmap
from pyoci.host.file_text import beginning
from pyoci.kernel import child, namespace, uapi
from pyoci.record import Record
from pyoci.wire.plan import IdMapping


class Subordinate(Record):
    """The first range of IDs of a user."""

    first: int
    count: int


def subordinate(text: str, names: tuple[str, ...]) -> Subordinate | None:
    """The first range in /etc/subuid or /etc/subgid of one of `names` (the user's name and number). Pure."""
    for line in text.split("\n"):
        fields = line.split(":")
        if len(fields) == 3 and fields[0] in names and fields[1].isdigit() and fields[2].isdigit() and int(fields[2]):
            return Subordinate(first=int(fields[1]), count=int(fields[2]))
    return None


def mapping(uid: int, range_: Subordinate) -> list[IdMapping]:
    """Root inside is the user; the others are the user's subordinate IDs. Pure."""
    return [
        IdMapping(container_id=0, host_id=uid, size=1),
        IdMapping(container_id=1, host_id=range_.first, size=range_.count),
    ]


def become_root() -> bool:
    """Enter a new user namespace as its root; whether more than the own ID is mapped. Raises PyociError."""
    uid, gid = os.geteuid(), os.getegid()
    ranges = _ranges(uid)
    if ranges is None:
        _enter()
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            _write(f"/proc/self/{name}", text)
        return False
    uids, gids = mapping(uid, ranges[0]), mapping(gid, ranges[1])
    owner = os.getpid()
    ready, go = os.pipe()

    def map_ids() -> int:
        """Outside of the new namespace: newuidmap(1) has its rights there."""
        os.close(go)
        try:
            if not os.read(ready, 1):
                return 1
            idmap._run("newgidmap", owner, gids)
            idmap._run("newuidmap", owner, uids)
        except PyociError as error:
            os.write(2, f"pyoci: {error}\n".encode())
            return 1
        return 0

    mapper = child.run(map_ids)
    os.close(ready)
    try:
        _enter()
        os.write(go, b"x")
    finally:
        os.close(go)
        _, status = os.waitpid(mapper, 0)
    if status:
        raise PyociError("map the IDs of a user namespace: newuidmap or newgidmap refused; see /etc/subuid")
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    return True


def _enter() -> None:
    try:
        namespace.unshare(uapi.CLONE_NEWUSER, "user namespace")
    except SyscallError as error:
        raise PyociError(f"{error}; pyoci doctor says how to allow user namespaces, or run this as root") from None


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError as error:
        raise SyscallError(error.errno or 0, f"write {path} {text!r}") from None


def _ranges(uid: int) -> tuple[Subordinate, Subordinate] | None:
    if not (shutil.which("newuidmap") and shutil.which("newgidmap")):
        return None
    try:
        names: tuple[str, ...] = (pwd.getpwuid(uid).pw_name, str(uid))
    except KeyError:
        names = (str(uid),)
    uids, gids = (subordinate(beginning(f"/etc/{name}"), names) for name in ("subuid", "subgid"))
    return (uids, gids) if uids is not None and gids is not None else None
