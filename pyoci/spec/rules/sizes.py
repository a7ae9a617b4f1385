"""What the kernel takes no more of: named here, where it would else end as `invalid argument` without a word."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyoci.spec.rules import Config, Problem

_PAGE = 4096  # of the smallest kind; procfs takes one write of at most a page
_PATH = 4096  # PATH_MAX, with the NUL
_NAME = 255  # NAME_MAX


def labels_fit(config: Config) -> Iterator[Problem]:
    """proc_pid_attr(5): what is longer than a page is cut."""
    process = config.get("process", {})
    for name in ("apparmorProfile", "selinuxLabel"):
        if len(process.get(name, "")) * 4 >= _PAGE and _bytes(process[name]) >= _PAGE - len("exec "):
            yield f"/process/{name}", process[name], f"fewer than {_PAGE - len('exec ')} bytes: the kernel would cut it"


def paths_fit(config: Config) -> Iterator[Problem]:
    """path_resolution(7): a path has less than 4096 bytes, each of its names at most 255."""
    for place, path in _paths(config):
        if len(path) * 4 < _NAME:
            continue
        if _bytes(path) >= _PATH:
            yield place, path, f"a path of fewer than {_PATH} bytes (it has {_bytes(path)})"
        elif max(map(_bytes, path.split("/"))) > _NAME:
            yield place, path, f"must have names of at most {_NAME} bytes"


def _paths(config: Config) -> Iterator[tuple[str, str]]:
    linux = config.get("linux", {})
    yield "/root/path", config.get("root", {}).get("path", "")
    for index, mount in enumerate(config.get("mounts", ())):
        yield f"/mounts/{index}/destination", mount["destination"]
        if mount.get("type", "") in ("", "bind", "none"):
            yield f"/mounts/{index}/source", mount.get("source", "")
        elif len(mount.get("source", "")) * 4 >= _PATH and _bytes(mount["source"]) >= _PATH:
            yield f"/mounts/{index}/source", mount["source"]
    for name in ("maskedPaths", "readonlyPaths"):
        for index, path in enumerate(linux.get(name, ())):
            yield f"/linux/{name}/{index}", path
    for name in ("devices", "namespaces"):
        for index, entry in enumerate(linux.get(name, ())):
            yield f"/linux/{name}/{index}/path", entry.get("path", "")
    for kind, hooks in config.get("hooks", {}).items():
        for index, hook in enumerate(hooks):
            yield f"/hooks/{kind}/{index}/path", hook["path"]


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


RULES = (labels_fit, paths_fit)
