"""state.json of a container that an older pyoci made, as this one would have written it.

An upgrade leaves containers running, and `kill`, `exec` and `delete` must go on working for them.
"""

from __future__ import annotations

import posix

from pyoci.kernel import proc_stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def from_format_1(old: dict[str, Any]) -> dict[str, Any]:
    """A state that 0.1.0 wrote, in format 2. Raises KeyError, TypeError or ValueError for another document.

    Format 1 knew a cgroup by its path alone. Its directory is taken for the container's while the container's init
    lives. Otherwise it may be anybody's by now: then it has no inode, and nothing is killed or removed there.
    """
    new = {**old, "format": 2, "resctrl": {}, "rootfs_mount": 0}
    new["keyring"] = "" if new.pop("no_new_keyring") else f"_ses.{old['id']}"
    boot = proc_stat.boot_id()
    lives = old["boot_id"] in ("", boot) and old["pid"] and proc_stat.is_alive(old["pid"], old["pid_start"])
    new["cgroup"] = _cgroup(old["cgroup"], bool(lives))
    return new


def _cgroup(old: dict[str, Any], lives: bool) -> dict[str, Any]:
    if not old:
        return {}
    new = dict(old)
    if new["layout"] == "v2":
        mount, path = new.pop("mount"), new.pop("group")
        groups = {"": [mount, path[len(mount) :]]}
    else:
        groups = new["groups"]
    new["groups"] = {
        name: [mount, group, _inode(mount + group) if lives else 0, True] for name, (mount, group) in groups.items()
    }
    return new


def _inode(path: str) -> int:
    try:
        return posix.stat(path).st_ino
    except OSError:
        return 0
