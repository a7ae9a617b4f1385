"""Values of a config that are allowed and probably a mistake: `validate` reports them, no other command looks.

Lines as `rules.check` has them: a JSON pointer and words.
"""

from __future__ import annotations

from pyoci.cgroups import ranges
from pyoci.errors import CgroupError
from pyoci.kernel import uapi
from pyoci.plan import mounts
from pyoci.spec import unknown
from pyoci.spec.words import did_you_mean, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# The newest version that these schemas know.
_NEWEST = (1, 3)
# tmpfs(5), devpts (Documentation/filesystems/devpts.rst), proc(5), mqueue, sysfs and cgroups have no more.
FILE_SYSTEM_OPTIONS: dict[str, tuple[str, ...]] = {
    "bind": (),
    "tmpfs": (
        *("size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "huge", "mpol", "inode32", "inode64", "noswap"),
        *("quota", "usrquota", "grpquota", "usrquota_block_hardlimit", "usrquota_inode_hardlimit"),
        *("grpquota_block_hardlimit", "grpquota_inode_hardlimit", "casefold", "strict_encoding"),
    ),
    "devpts": ("newinstance", "ptmxmode", "mode", "uid", "gid", "max"),
    "proc": ("hidepid", "gid", "subset"),
    "mqueue": (),
    "sysfs": (),
}


def of_config(config: dict[str, Any], *, systemd: bool) -> list[str]:
    """Every doubt that needs no look at bundle or host; `systemd`: as --systemd-cgroup would have it."""
    return [
        *unknown.properties(config),
        *_version(config),
        *_capabilities(config),
        *unknown_mount_options(config),
        *_resources(config),
        *_cgroups_path(config, systemd),
        *_octal_modes(config),
    ]


# Octal digits that people know, written as if JSON read them so; none of these numbers is a mode that somebody means.
_MODES = frozenset((22, 27, 77, 400, 440, 444, 600, 640, 644, 660, 664, 666, 700, 750, 755, 770, 775, 777))


def _octal_modes(config: dict[str, Any]) -> Iterator[str]:
    places = [("/process/user/umask", ((config.get("process") or {}).get("user") or {}).get("umask"))]
    for index, device in enumerate((config.get("linux") or {}).get("devices") or ()):
        places.append((f"/linux/devices/{index}/fileMode", device.get("fileMode")))
    for place, mode in places:
        if mode in _MODES:
            meant = int(str(mode), 8)
            yield f"{place}: {mode} is {mode:#o} in octal; did you mean {meant}, which is {meant:#o}?"


def _version(config: dict[str, Any]) -> Iterator[str]:
    parts = str(config.get("ociVersion", "")).split(".")
    if len(parts) > 1 and parts[0] == "1" and parts[1].isdigit() and (1, int(parts[1])) > _NEWEST:
        newest = ".".join(map(str, _NEWEST))
        yield f"/ociVersion: {show(config['ociVersion'])} is newer than {newest}: pyoci may not know all of it"


def _capabilities(config: dict[str, Any]) -> Iterator[str]:
    for kind, names in ((config.get("process") or {}).get("capabilities") or {}).items():
        for index, name in enumerate(names or ()):
            if name not in uapi.CAPABILITIES:
                place = f"/process/capabilities/{kind}/{index}"
                yield f"{place}: no capability is called {show(name)}{did_you_mean(name, uapi.CAPABILITIES)}"


def unknown_mount_options(config: dict[str, Any]) -> Iterator[str]:
    """Those of a bind mount, and of file systems whose own options are all known here."""
    for index, mount in enumerate(config.get("mounts") or ()):
        options = mount.get("options") or ()
        kind = "bind" if {"bind", "rbind"} & set(options) else mount.get("type", "")
        if kind not in FILE_SYSTEM_OPTIONS:
            continue
        known = (*mounts.OPTIONS, *FILE_SYSTEM_OPTIONS[kind])
        for place, option in enumerate(options):
            name = option.partition("=")[0]
            if name not in known and not name.endswith("context") and name not in ("copy", "nocopy", "X-mount.idmap"):
                where = f"/mounts/{index}/options/{place}"
                yield f"{where}: no option of a mount of type {kind} is called {show(name)}{did_you_mean(name, known)}"


def _resources(config: dict[str, Any]) -> Iterator[str]:
    """Numbers that no kernel takes, whatever the layout of its cgroups."""
    try:
        ranges.check((config.get("linux") or {}).get("resources") or {})
    except CgroupError as error:
        yield f"/linux/resources: {error}"


def _cgroups_path(config: dict[str, Any], systemd: bool) -> Iterator[str]:
    path = (config.get("linux") or {}).get("cgroupsPath") or ""
    if path.count(":") == 2 and "/" not in path and not systemd:
        yield f"/linux/cgroupsPath: {show(path)} is for --systemd-cgroup: without it, it is a folder of that name"
