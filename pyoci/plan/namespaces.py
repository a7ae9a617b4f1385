"""`linux.namespaces`, `uidMappings`, `gidMappings`, `timeOffsets` (config-linux.md)."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.kernel.uapi import CAP_SYS_ADMIN, NAMESPACE_FLAGS
from pyoci.plan.facts import Facts
from pyoci.wire.plan import BOOTSTRAPPED, CLONED, UNSEEN, VISITED, IdMapping, Namespaces, UserNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def plan(linux: dict[str, Any], facts: Facts) -> Namespaces:
    new: list[str] = []
    joined: list[tuple[str, str]] = []
    for namespace in linux.get("namespaces") or ():
        path = namespace.get("path")
        if path:
            joined.append((namespace["type"], path))
        else:
            new.append(namespace["type"])
    if not any(kind == "user" for kind, _ in joined):
        _require_rights(new, facts)
    return Namespaces(
        new=new,
        joined=joined,
        user=_user(linux, facts) if "user" in new else None,
        time_offsets=_time_offsets(linux.get("timeOffsets") or {}),
        birth=birth(new, [kind for kind, _ in joined]),
        clone_flags=clone_flags(new),
    )


def without(config: dict[str, Any], kinds: list[str]) -> dict[str, Any]:
    """The config without these namespaces: the host's own are not namespaces of the container."""
    linux = config["linux"]
    left = [entry for entry in linux["namespaces"] if entry["type"] not in kinds]
    return {**config, "linux": {**linux, "namespaces": left}}


def birth(new: list[str], joined: list[str]) -> str:
    """How init comes into being.

    In a PID namespace that is there already, others are, too: nobody of ours may be seen in it who has the host's files
    or more rights than the program (CVE-2016-9962). A user namespace has no way back for the host; a time namespace
    changes the clocks of its members, and its offsets are written before it has any (time_namespaces(7)).
    """
    if "pid" in joined:
        return UNSEEN
    if "time" in new or "time" in joined or "user" in joined or (joined and "user" in new):
        return BOOTSTRAPPED
    return VISITED if joined else CLONED


def clone_flags(new: list[str]) -> int:
    """Not the cgroup namespace: its root is the cgroup of the process that makes it, and init is not there yet."""
    return sum(NAMESPACE_FLAGS[kind] for kind in new if kind != "cgroup")


def mappings(entries: list[dict[str, int]] | None) -> list[IdMapping]:
    return [
        IdMapping(container_id=entry["containerID"], host_id=entry["hostID"], size=entry["size"])
        for entry in entries or ()
    ]


def _require_rights(new: list[str], facts: Facts) -> None:
    """Only a user namespace may be made by everybody: user_namespaces(7)."""
    if new and "user" not in new and not facts.capabilities >> CAP_SYS_ADMIN & 1:
        raise ConfigError(
            f"/linux/namespaces: making a namespace of type {new[0]} takes CAP_SYS_ADMIN, which the caller (user"
            f" {facts.uid}) does not have; add a namespace of type user, uidMappings and gidMappings"
            " (pyoci spec --rootless)"
        )


def _user(linux: dict[str, Any], facts: Facts) -> UserNamespace:
    uid_mappings = mappings(linux.get("uidMappings"))
    gid_mappings = mappings(linux.get("gidMappings"))
    if not uid_mappings or not gid_mappings:
        raise ConfigError(
            "/linux/namespaces: a new user namespace needs uidMappings and gidMappings; "
            f"map at least id 0, e.g. to {facts.uid} and {facts.gid}"
        )
    return UserNamespace(uid_mappings=uid_mappings, gid_mappings=gid_mappings)


def _time_offsets(offsets: dict[str, dict[str, int]]) -> list[tuple[str, int, int]]:
    return [(clock, value.get("secs", 0), value.get("nanosecs", 0)) for clock, value in offsets.items()]
