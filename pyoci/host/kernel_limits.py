"""Words about a limit of the machine that has been reached: of namespaces, mounts or processes. Only errors load it."""

from __future__ import annotations

from pyoci.kernel.uapi import NAMESPACE_FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def words(text: str, read: Callable[[str], str]) -> str:
    """The words to follow the error `text`; empty where it has no such limit. `read` gives a file's text."""
    if "(ENOSPC)" in text and text.startswith(("clone3 namespaces=", "unshare ")):
        asked = text.partition("namespaces=")[2].partition(":")[0].split("|") if "=" in text else text.split(" ")
        return _namespaces([kind for kind in asked if kind in NAMESPACE_FILES], read)
    if "(ENOSPC)" in text and ("bind " in text or "fsmount " in text):
        # a mount that is attached nowhere yet is in a mount namespace of its own
        if _is_zero("mount", read):
            return _namespaces(["mount"], read)
        return f"a mount namespace has at most {read('/proc/sys/fs/mount-max')} mounts (/proc/sys/fs/mount-max)"
    if "(EAGAIN)" in text and text.startswith("clone3 "):
        return (
            "a limit of processes is reached: the caller's own (ulimit -u), pids.max of its cgroup, "
            "or /proc/sys/kernel/pid_max"
        )
    return ""


def _namespaces(kinds: list[str], read: Callable[[str], str]) -> str:
    none = [_path(kind) for kind in kinds if _is_zero(kind, read)]
    if none:
        verb = "is" if len(none) == 1 else "are"
        return f"no such namespace may be made here: {' and '.join(none)} {verb} 0"
    paths = ", ".join(_path(kind) for kind in kinds)
    nested = "; user and PID namespaces nest 32 deep" if {"user", "pid"} & set(kinds) else ""
    return f"a limit of namespaces is reached, here or in a user namespace around: {paths}{nested} (user_namespaces(7))"


def _is_zero(kind: str, read: Callable[[str], str]) -> bool:
    return read(_path(kind)) == "0"


def _path(kind: str) -> str:
    """user_namespaces(7): each user namespace has limits of its own, and those around it hold, too."""
    return f"/proc/sys/user/max_{NAMESPACE_FILES[kind]}_namespaces"
