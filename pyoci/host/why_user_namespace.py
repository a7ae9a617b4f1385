"""Reasons for what a user namespace does not permit: EPERM and EINVAL of the kernel say nothing more.

It is the container's, or the one that an engine has made and called pyoci in, as podman does for an ordinary user: then
the config names none.
"""

from __future__ import annotations

import errno

from pyoci.host.file_text import beginning
from pyoci.kernel.call import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The namespace that must be one of the container's own user namespace: only its owner may mount them.
_NAMESPACE_OF = {"proc": "pid", "sysfs": "network", "mqueue": "ipc", "cgroup": "cgroup", "cgroup2": "cgroup"}
# With FS_USERNS_MOUNT, which a user namespace may mount for itself.
_OWN = (*_NAMESPACE_OF, "tmpfs", "devpts", "overlay", "fuse", "ramfs", "binfmt_misc", "binder")
_OF_CALLER = "/proc/self/uid_map and gid_map, which an engine makes of /etc/subuid and /etc/subgid"


def around_caller() -> bool:
    """Whether pyoci was called in a user namespace below the initial one, which alone maps all ids."""
    return beginning("/proc/self/uid_map").split() not in ([], ["0", "0", "4294967295"])


def mappings(kind: str, config: dict[str, Any]) -> tuple[str, list[dict[str, int]]]:
    """The container's mappings of `kind`, uid or gid, and the place where they stand; none where all ids are mapped."""
    name = f"{kind}Mappings"
    configured = (config.get("linux") or {}).get(name)
    if configured or _path(config, "user") is not None or not around_caller():
        return f"/linux/{name}", configured or []
    lines = [line.split() for line in beginning(f"/proc/self/{kind}_map").split("\n")]
    rows = [{"containerID": int(inside), "size": int(count)} for inside, _, count in lines]
    return f"/proc/self/{kind}_map", rows


def of_capability(capability: str, config: dict[str, Any], otherwise: str = ", which the caller lacks") -> str:
    """Of what takes a capability, for some of them over the host itself."""
    is_of_namespace = capability in ("CAP_SETPCAP", "CAP_NET_ADMIN") or not _is_in_one(config)
    return f"it takes {capability}{otherwise if is_of_namespace else ' over the host, which no user namespace has'}"


def of_maps(number: int | None) -> str:
    """Of a write to uid_map or gid_map."""
    if number != errno.EPERM or not around_caller():
        return ""
    return f"a hostID is an id of the user namespace that pyoci was called in: {_OF_CALLER}"


def of_user(number: int | None, config: dict[str, Any]) -> str:
    """Of setuid(2) and setgroups(2)."""
    joined = _path(config, "user")
    if joined is None and not around_caller():
        return ""
    if joined is None:
        maps = _OF_CALLER
    else:
        maps = f"the uid_map and gid_map of {shown(joined)}" if joined else "/linux/uidMappings and /linux/gidMappings"
    if number == errno.EINVAL:
        return f"the container's user namespace has only the ids that are mapped: {maps}"
    if number == errno.EPERM:
        return (
            "supplementary groups need setgroups(2), which is denied where a user has mapped only his own group, "
            f"without newgidmap: {maps}"
        )
    return ""


def of_join(text: str, config: dict[str, Any]) -> str:
    """Of setns(2); `text` begins with `join`, and has the type."""
    kind = next((word for word in text.split()[1:] if word in _types(config)), "")
    path = _path(config, kind)
    if not path:
        return ""
    return f"{shown(path)} belongs to another user namespace: it takes CAP_SYS_ADMIN there, so join that one, too"


def of_bind(entry: dict[str, Any], config: dict[str, Any]) -> str:
    """Of a bind mount whose ids are mapped."""
    is_mapped = entry.get("uidMappings") or any("idmap" in option for option in entry.get("options") or ())
    if not is_mapped or not _is_in_one(config):
        return ""
    return "to map the ids of a mount takes CAP_SYS_ADMIN over its file system: on the host only root has it"


def of_mount(entry: dict[str, Any], config: dict[str, Any]) -> str:
    """Of a file system."""
    if not _is_in_one(config):
        return ""
    name = entry.get("type") or ""
    kind = _NAMESPACE_OF.get(name)
    if kind is not None and kind not in _types(config):
        return f"in a user namespace {name} takes a namespace of type {kind} that is new: add it to /linux/namespaces"
    if name in _OWN:
        return ""
    return f"the kernel lets no user namespace mount {shown(name)}: mount it on the host, and bind that folder"


def _path(config: dict[str, Any], kind: str) -> str | None:
    """None where there is no such namespace; empty where it is new."""
    return next((entry.get("path") or "" for entry in _namespaces(config) if entry["type"] == kind), None)


def _is_in_one(config: dict[str, Any]) -> bool:
    return "user" in _types(config) or around_caller()


def _types(config: dict[str, Any]) -> set[str]:
    return {entry["type"] for entry in _namespaces(config)}


def _namespaces(config: dict[str, Any]) -> list[dict[str, Any]]:
    return (config.get("linux") or {}).get("namespaces") or []
