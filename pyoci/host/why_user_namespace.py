"""Reasons for what a container's user namespace does not permit: EPERM and EINVAL of the kernel say nothing more."""

from __future__ import annotations

import errno

from pyoci.kernel.call import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The namespace that must be one of the container's own user namespace: only its owner may mount them.
_NAMESPACE_OF = {"proc": "pid", "sysfs": "network", "mqueue": "ipc", "cgroup": "cgroup", "cgroup2": "cgroup"}
# With FS_USERNS_MOUNT, which a user namespace may mount for itself.
_OWN = (*_NAMESPACE_OF, "tmpfs", "devpts", "overlay", "fuse", "ramfs", "binfmt_misc", "binder")


def of_user(number: int | None, config: dict[str, Any]) -> str:
    """Of setuid(2) and setgroups(2)."""
    joined = _path(config, "user")
    if joined is None:
        return ""
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
    if not is_mapped or "user" not in _types(config):
        return ""
    return "to map the ids of a mount takes CAP_SYS_ADMIN over its file system: on the host only root has it"


def of_mount(entry: dict[str, Any], config: dict[str, Any]) -> str:
    """Of a file system."""
    if "user" not in _types(config):
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


def _types(config: dict[str, Any]) -> set[str]:
    return {entry["type"] for entry in _namespaces(config)}


def _namespaces(config: dict[str, Any]) -> list[dict[str, Any]]:
    return (config.get("linux") or {}).get("namespaces") or []
