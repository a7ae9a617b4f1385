"""`linux.namespaces`, `uidMappings`, `gidMappings`, `timeOffsets` (config-linux.md)."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.plan.facts import Facts
from pyoci.wire.plan import IdMapping, Namespaces, UserNamespace

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
    return Namespaces(
        new=new,
        joined=joined,
        user=_user(linux, facts) if "user" in new else None,
        time_offsets=_time_offsets(linux.get("timeOffsets") or {}),
    )


def mappings(entries: list[dict[str, int]] | None) -> list[IdMapping]:
    return [
        IdMapping(container_id=entry["containerID"], host_id=entry["hostID"], size=entry["size"])
        for entry in entries or ()
    ]


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
