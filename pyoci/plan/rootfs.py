"""`root`, `linux.rootfsPropagation`, and how the rootfs becomes the root."""

from __future__ import annotations

from pyoci.kernel import uapi
from pyoci.wire.plan import Mount, Namespaces, Rootfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# word -> host_propagation, first_propagation, last_propagation of wire.plan.Rootfs. Without a word the root is private
# and bind mounts receive the host's mounts, as with runc.
_PROPAGATION = {
    "": (uapi.MS_SLAVE, uapi.MS_PRIVATE, 0),
    "private": (uapi.MS_PRIVATE, uapi.MS_PRIVATE, 0),
    "slave": (uapi.MS_SLAVE, uapi.MS_SLAVE, 0),
    "shared": (uapi.MS_SLAVE, uapi.MS_SLAVE, uapi.MS_SHARED),
    # unbindable last: a tree with such a mount could not be copied any more
    "unbindable": (uapi.MS_PRIVATE, uapi.MS_PRIVATE, uapi.MS_UNBINDABLE),
}


def plan(config: dict[str, Any], bundle: str, namespaces: Namespaces, mounts: list[Mount], no_pivot: bool) -> Rootfs:
    path = config["root"]["path"]
    # the recursive words are not the spec's, but containerd and CRI-O write rshared and rslave
    word = (config.get("linux") or {}).get("rootfsPropagation", "")
    host, first, last = _PROPAGATION[word.removeprefix("r")]
    pivot = _pivot(namespaces, no_pivot)
    return Rootfs(
        path=path if path.startswith("/") else f"{bundle}/{path}",
        readonly=config["root"].get("readonly", False),
        propagation=word.removeprefix("r"),
        host_propagation=host,
        first_propagation=first,
        last_propagation=last,
        shared_mounts=word == "rshared",
        pivot=pivot,
        set_up_dev=not any(mount.destination == "/dev" and mount.kind == "bind" for mount in mounts),
    )


def _pivot(namespaces: Namespaces, no_pivot: bool) -> str:
    """A namespace that others live in keeps its root: pivot_root(2) would move theirs too."""
    if "mount" not in namespaces.new:
        return "chroot"
    return "move" if no_pivot else "pivot_root"
