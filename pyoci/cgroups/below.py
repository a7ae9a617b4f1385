"""A group below a container's own, as `exec --cgroup` names it: a pure change of what `save` returned."""

from __future__ import annotations

from pyoci.errors import NO_CGROUP, CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def below(saved: dict[str, Any], asked: list[str]) -> dict[str, Any]:
    """The saved groups with each of `asked` as the place to enter: `PATH`, or on v1 `CONTROLLER[,CONTROLLER]:PATH`.

    Raises CgroupError for a path that leads out, and for a controller in which the container has no group.
    """
    if not saved:
        raise CgroupError(f"--cgroup {asked[0]}: {NO_CGROUP}")
    # systemd made the scope; what is below it is the container's own affair
    changed = {key: value for key, value in saved.items() if key != "systemd"}
    leaves: dict[str, str] = dict(changed.get("leaves") or {})
    for text in asked:
        names, colon, path = text.rpartition(":")
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise CgroupError(f"--cgroup {text}: .. would lead out of the container's cgroup")
        leaf = "/".join(parts)
        if changed["layout"] == "v2":
            if colon:
                raise CgroupError(f"--cgroup {text}: cgroup v2 has one hierarchy, leave the controllers out")
            changed["leaf"] = leaf
        else:
            for name in _chosen(changed["groups"], names.split(",") if colon else None, text):
                leaves[name] = leaf
    return {**changed, "leaves": leaves} if leaves else changed


def _chosen(groups: dict[str, Any], controllers: list[str] | None, text: str) -> list[str]:
    chosen = [name for name in groups if controllers is None or set(name.split(",")) & set(controllers)]
    if not chosen:
        raise CgroupError(f"--cgroup {text}: the container is in no such group; there are: {', '.join(groups)}")
    return chosen
