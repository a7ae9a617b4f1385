"""The owner of the container's cgroup (config-linux.md, "Cgroup ownership")."""

from __future__ import annotations

from pyoci.kernel import uapi
from pyoci.wire.plan import Mount, Namespaces, Process, on_host


def owner(namespaces: Namespaces, mounts: list[Mount], process: Process | None) -> tuple[int, int] | None:
    """(uid, gid) on the host of the user that the cgroup is given to; None: it stays the runtime's.

    Given if and only if the container sees its cgroup as the root, mounted read-write.
    """
    if process is None or "cgroup" not in namespaces.new or not _mounted_writable(mounts):
        return None
    if namespaces.user is None:
        return (process.uid, process.gid) if not namespaces.joins("user") else None
    uid = on_host(process.uid, namespaces.user.uid_mappings)
    gid = on_host(process.gid, namespaces.user.gid_mappings)
    return None if uid is None or gid is None else (uid, gid)


def _mounted_writable(mounts: list[Mount]) -> bool:
    return any(
        mount.source == "cgroup"
        and mount.destination == "/sys/fs/cgroup"
        and not mount.attributes_set & uapi.MOUNT_ATTR_RDONLY
        for mount in mounts
    )
