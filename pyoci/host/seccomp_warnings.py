"""System calls in a seccomp profile that nobody knows: told by `validate`."""

from __future__ import annotations

from pyoci.errors import UnsupportedError
from pyoci.kernel.libseccomp import Library
from pyoci.spec.words import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# Newer than libseccomp 2.5, with which pyoci may have been built: engines' profiles have them, and they are not a
# mistake.
_NEWER = frozenset(
    (
        *("cachestat", "fchmodat2", "file_getattr", "file_setattr", "futex_requeue", "futex_wait", "futex_waitv"),
        *("futex_wake", "getxattrat", "listmount", "listns", "listxattrat", "lsm_get_self_attr", "lsm_list_modules"),
        *("lsm_set_self_attr", "map_shadow_stack", "mseal", "open_tree_attr", "process_mrelease", "removexattrat"),
        *("riscv_hwprobe", "set_mempolicy_home_node", "setxattrat", "statmount", "uprobe", "uretprobe"),
    )
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz_0123456789"
_LONGEST = 40


def of_config(config: dict[str, Any], *, host: bool) -> Iterator[str]:
    """A line for each name that no kernel has; with `host` also for those that the libseccomp at hand lacks."""
    rules = ((config.get("linux") or {}).get("seccomp") or {}).get("syscalls") or ()
    if not rules:
        return
    try:
        library = Library()
    except UnsupportedError:
        return  # `create` will say so
    for index, rule in enumerate(rules):
        for place, name in enumerate(rule["names"]):
            if library.number(name) is None and (host or name not in _NEWER):
                near = _near(library, name)
                where = f"/linux/seccomp/syscalls/{index}/names/{place}"
                yield f"{where}: libseccomp {library.version_text()} knows no system call {show(name)}{near}"


def _near(library: Library, name: str) -> str:
    """The system call that `name` is one letter away from: libseccomp knows each name, and lists none."""
    if name in _NEWER:
        return ""
    parts = [(name[:at], name[at:]) for at in range(min(len(name), _LONGEST) + 1)]
    near = [head + tail[1:] for head, tail in parts if tail]
    near += [head + tail[1] + tail[0] + tail[2:] for head, tail in parts if len(tail) > 1]
    near += [head + letter + tail[1:] for head, tail in parts if tail for letter in _LETTERS]
    near += [head + letter + tail for head, tail in parts for letter in _LETTERS]
    return next((f"; did you mean {other}?" for other in near if (library.number(other) or -1) >= 0), "")
