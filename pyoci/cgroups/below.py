"""A group below a container's own, as `exec --cgroup` names it: a pure change of what `save` returned."""

from __future__ import annotations

from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def below(saved: dict[str, Any], asked: list[str]) -> dict[str, Any]:
    """The saved groups with each of `asked` applied: `PATH`, or on v1 `CONTROLLER[,CONTROLLER]:PATH`.

    Raises CgroupError for a path that leads out, and for a controller that there is no group of.
    """
    # systemd made the scope; what is below it is the container's own affair
    changed: dict[str, Any] = _copy(saved["groups"] if "systemd" in saved else saved)
    for text in asked:
        names, colon, path = text.rpartition(":")
        if ".." in path.split("/"):
            raise CgroupError(f"--cgroup {text}: .. would lead out of the container's cgroup")
        if changed["layout"] == "v2":
            if colon:
                raise CgroupError(f"--cgroup {text}: cgroup v2 has one hierarchy, leave the controllers out")
            changed["group"] = _join(changed["group"], path)
        else:
            _change_v1(changed["groups"], names.split(",") if colon else None, path, text)
    return changed


def _change_v1(groups: dict[str, list[str]], controllers: list[str] | None, path: str, text: str) -> None:
    chosen = [name for name in groups if controllers is None or set(name.split(",")) & set(controllers)]
    if not chosen:
        raise CgroupError(f"--cgroup {text}: the container is in no such group; there are: {', '.join(groups)}")
    for name in chosen:
        mount, group = groups[name]
        groups[name] = [mount, _join(group, path)]


def _join(group: str, path: str) -> str:
    return f"{group.rstrip('/')}/{path.strip('/')}".rstrip("/")


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return list(value) if isinstance(value, list) else value
