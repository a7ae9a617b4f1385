"""The changes of a container: the upper layer of an overlay beside the lower one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from pyoci.throwaway.layers import Layers
from pyoci.throwaway.plan import Seen, change

_KINDS = {stat.S_IFDIR: "d", stat.S_IFREG: "-", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}
_MARKS = ("trusted.overlay", "user.overlay")


def list_changes(layers: Layers, ignored: set[str]) -> list[str]:
    """`A /path`, `C /path` and `D /path`, sorted by path; `ignored` are paths that the runtime makes for mounts."""
    changes = sorted(_below(layers, "", ignored))
    return [f"{letter} {path}" for path, letter in changes]


def _below(layers: Layers, folder: str, ignored: set[str]) -> Iterator[tuple[str, str]]:
    for name in os.listdir(layers.upper + folder):
        path = f"{folder}/{name}"
        if path in ignored:
            continue
        upper, lower = _see(layers.upper + path), _see(layers.lower.rstrip("/") + path)
        if upper is None:
            continue
        if layers.partial and folder == "" and lower is not None and upper.kind in "dl":
            # The folders that a user's overlays lie on, and the links beside them, are the runtime's own.
            upper.mode, upper.uid, upper.gid = lower.mode, lower.uid, lower.gid
        letter = change(upper, lower)
        if letter:
            yield path, letter
        if upper.kind == "d":
            yield from _below(layers, path, ignored)
            if upper.opaque and lower is not None and lower.kind == "d":
                here = set(os.listdir(layers.upper + path))
                yield from ((f"{path}/{gone}", "D") for gone in os.listdir(layers.lower + path) if gone not in here)


def _see(path: str) -> Seen | None:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        return Seen(kind="w")
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "?")
    if kind == "-" and status.st_size == 0 and _mark(path, "whiteout") is not None:
        return Seen(kind="w")
    return Seen(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size,
        mtime=status.st_mtime_ns,
        target=os.readlink(path) if kind == "l" else "",
        opaque=kind == "d" and _mark(path, "opaque") == b"y",
    )


def _mark(path: str, name: str) -> bytes | None:
    for prefix in _MARKS:
        try:
            return os.getxattr(path, f"{prefix}.{name}", follow_symlinks=False)
        except OSError:
            continue
    return None
