"""`root`, `linux.rootfsPropagation`, and how the rootfs becomes the root."""

from __future__ import annotations

from pyoci.wire.plan import Mount, Namespaces, Rootfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def plan(config: dict[str, Any], bundle: str, namespaces: Namespaces, mounts: list[Mount], no_pivot: bool) -> Rootfs:
    path = config["root"]["path"]
    linux = config.get("linux") or {}
    return Rootfs(
        path=path if path.startswith("/") else f"{bundle}/{path}",
        readonly=config["root"].get("readonly", False),
        # the recursive words are not the spec's, but containerd and CRI-O write rshared and rslave
        propagation=linux.get("rootfsPropagation", "").removeprefix("r"),
        pivot=_pivot(namespaces, no_pivot),
        set_up_dev=not any(mount.destination == "/dev" and mount.kind == "bind" for mount in mounts),
    )


def _pivot(namespaces: Namespaces, no_pivot: bool) -> str:
    """A namespace that others live in keeps its root: pivot_root(2) would move theirs too."""
    if "mount" not in namespaces.new:
        return "chroot"
    return "move" if no_pivot else "pivot_root"
