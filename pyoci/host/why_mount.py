"""Why the kernel refused a mount of config.json, in words: an option, or a file where a folder must be."""

from __future__ import annotations

import _stat as stat
import posix

from pyoci.host import config_warnings, why_user_namespace
from pyoci.host.config_warnings import FILE_SYSTEM_OPTIONS
from pyoci.host.rootfs_view import Unseen
from pyoci.kernel.call import shown
from pyoci.plan import mounts
from pyoci.spec.words import did_you_mean, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.host.rootfs_view import View


def refused_option(text: str, entry: dict[str, Any], config: dict[str, Any]) -> str:
    """The kernel names the option or does not (since 6.8 for devpts), so config.json is looked at."""
    for option in entry.get("options") or ():
        kind, _, number = option.partition("=")
        place, mappings = why_user_namespace.mappings(kind, config) if kind in ("uid", "gid") else ("", [])
        if mappings and number.isdigit() and not _is_mapped(int(number), mappings):
            mapped = ", ".join(
                f"{mapping['containerID']}-{mapping['containerID'] + mapping['size'] - 1}" for mapping in mappings[:5]
            )
            return f"{kind} {number} is not mapped in the container's user namespace: {place} has {mapped}"
    name = text.partition("Unknown parameter '")[2].partition("'")[0]
    kind = entry.get("type") or ""
    if kind == "overlay" and not any(option.startswith("lowerdir") for option in entry.get("options") or ()):
        return "overlay takes the option lowerdir=DIR:DIR, and upperdir= with workdir= to be written to"
    known = (*mounts.OPTIONS, *FILE_SYSTEM_OPTIONS.get(kind, ()))
    if name in known:
        return f"this kernel has no option {show(name)} of {kind}"
    if name:
        return f"neither pyoci nor the file system has an option {show(name)}{did_you_mean(name, known)}"
    return next(config_warnings.unknown_mount_options({"mounts": [entry]}), "").partition(": ")[2]


def _is_mapped(number: int, mappings: list[dict[str, int]]) -> bool:
    return any(0 <= number - mapping["containerID"] < mapping["size"] for mapping in mappings)


def unlike(source: str, destination: str, view: View) -> str:
    """Of a bind mount: a file on a folder, or the other way round, or a place below a file (mount(2), ENOTDIR)."""
    place = f"{shown(destination)} in the container"
    try:
        kind = "folder" if stat.S_ISDIR(posix.stat(source).st_mode) else "file"
    except OSError:
        return ""
    try:
        fd = view.open(destination)
    except Unseen:
        return f"{shown(source)} is a {kind}: {place} must be one, too"
    if fd is None:
        return f"{place} is below a file"
    other = "folder" if stat.S_ISDIR(posix.fstat(fd).st_mode) else "file"
    posix.close(fd)
    return f"{shown(source)} is a {kind}, and {place} is a {other}: both must be the same" if other != kind else ""


def on_a_file(destination: str, view: View) -> str:
    """Of a file system, which is mounted on a folder (mount(2), ENOTDIR)."""
    place = f"{shown(destination)} in the container"
    try:
        fd = view.open(destination)
    except Unseen:
        return ""
    if fd is None:
        return f"{place} is below a file"
    is_file = not stat.S_ISDIR(posix.fstat(fd).st_mode)
    posix.close(fd)
    return f"{place} is a file: a file system is mounted on a folder" if is_file else ""
