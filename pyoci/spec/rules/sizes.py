"""Limits of the kernel on sizes: named here, since the kernel only says `invalid argument`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyoci.spec.rules import Config, Problem

_PAGE = 4096  # of the smallest kind; procfs takes one write of at most a page
_PATH = 4096  # PATH_MAX, with the NUL
_NAME = 255  # NAME_MAX
_SHORT = _NAME // 4  # characters, of at most four bytes each: nothing of that length is too long


def labels_fit(config: Config) -> Iterator[Problem]:
    """proc_pid_attr(5): what is longer than a page is cut."""
    process = config.get("process", {})
    for name in ("apparmorProfile", "selinuxLabel"):
        if len(process.get(name, "")) * 4 >= _PAGE and _bytes(process[name]) >= _PAGE - len("exec "):
            yield f"/process/{name}", process[name], f"fewer than {_PAGE - len('exec ')} bytes: the kernel would cut it"


def paths_fit(config: Config) -> Iterator[Problem]:
    """path_resolution(7): a path has less than 4096 bytes, each of its names at most 255."""
    for place, path in _long_paths(config):
        if _bytes(path) >= _PATH:
            yield place, path, f"a path of fewer than {_PATH} bytes (it has {_bytes(path)})"
        elif max(map(_bytes, path.split("/"))) > _NAME:
            yield place, path, f"must have names of at most {_NAME} bytes"


def _long_paths(config: Config) -> Iterator[tuple[str, str]]:
    linux = config.get("linux", {})
    if len(path := config.get("root", {}).get("path", "")) > _SHORT:
        yield "/root/path", path
    for index, mount in enumerate(config.get("mounts", ())):
        if len(mount["destination"]) > _SHORT:
            yield f"/mounts/{index}/destination", mount["destination"]
        if len(source := mount.get("source", "")) > _SHORT and (
            mount.get("type", "") in ("", "bind", "none") or _bytes(source) >= _PATH
        ):
            yield f"/mounts/{index}/source", source
    for name in ("maskedPaths", "readonlyPaths"):
        for index, path in enumerate(linux.get(name, ())):
            if len(path) > _SHORT:
                yield f"/linux/{name}/{index}", path
    for name in ("devices", "namespaces"):
        for index, entry in enumerate(linux.get(name, ())):
            if len(path := entry.get("path", "")) > _SHORT:
                yield f"/linux/{name}/{index}/path", path
    for kind, hooks in config.get("hooks", {}).items():
        for index, hook in enumerate(hooks):
            if len(hook["path"]) > _SHORT:
                yield f"/hooks/{kind}/{index}/path", hook["path"]


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


RULES = (labels_fit, paths_fit)
