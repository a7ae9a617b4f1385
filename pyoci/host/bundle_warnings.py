"""Things that a bundle or this host lacks: looked for by `validate` alone. Nothing is made or changed."""

from __future__ import annotations

import posix

from pyoci import number_list
from pyoci.errors import PyociError, reason
from pyoci.host import advice, why_program, why_sysctl
from pyoci.host.file_text import beginning
from pyoci.host.rootfs_view import View
from pyoci.host.why_program import Wanted
from pyoci.spec.rules.linux import sysctl_path
from pyoci.spec.words import did_you_mean, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_ONLINE = "/sys/devices/system/cpu/online"


def of_bundle(bundle: str, config: dict[str, Any]) -> list[str]:
    """A root file system, a program or a bind source that is not there. Lines as `rules.check` has them."""
    return [*_rootfs(bundle, config), *_bind_sources(bundle, config)]


def of_host(bundle: str, config: dict[str, Any]) -> list[str]:
    """Values that `create` would refuse on this host, and CPUs that it lacks."""
    return [*_refusals(bundle, config), *_cpus(config), *_memory(config), *_file_systems(config), *_places(config)]


def _rootfs(bundle: str, config: dict[str, Any]) -> Iterator[str]:
    path = (config.get("root") or {}).get("path") or ""
    place = path if path.startswith("/") else f"{bundle}/{path}"
    try:
        fd = posix.open(place, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    except OSError as error:
        yield f"/root/path: {show(path)}: {reason(error)}; it is to be the root file system"
        return
    posix.close(fd)
    yield from _program(bundle, place, config)


def _program(bundle: str, place: str, config: dict[str, Any]) -> Iterator[str]:
    process = config.get("process") or {}
    if process.get("args"):
        view = View(place, bundle, config.get("mounts") or [])
        words = why_program.why(view, Wanted.of_config(process), refused=False)
        if words:
            yield f"/process/args/0: {show(process['args'][0])} cannot be executed: {words}"


def _bind_sources(bundle: str, config: dict[str, Any]) -> Iterator[str]:
    for index, mount in enumerate(config.get("mounts") or ()):
        options = mount.get("options") or ()
        source = mount.get("source") or ""
        if mount.get("type") != "bind" and not {"bind", "rbind"} & set(options):
            continue
        place = source if source.startswith("/") else f"{bundle}/{source}"
        if not posix.access(place, posix.F_OK):
            yield f"/mounts/{index}/source: there is no {show(source)} to bind"


def _refusals(bundle: str, config: dict[str, Any]) -> Iterator[str]:
    from pyoci.plan import facts
    from pyoci.plan.build import build
    from pyoci.plan.request import Request

    try:
        plan = build(config, Request(container_id="validate", bundle=bundle), facts.gather())
    except PyociError as error:
        yield f"this host: {error}"
        return
    for words in plan.warnings:
        yield f"this host: {words}"


def _cpus(config: dict[str, Any]) -> Iterator[str]:
    cpus = (((config.get("linux") or {}).get("resources") or {}).get("cpu") or {}).get("cpus") or ""
    try:
        fd = posix.open(_ONLINE, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return
    online = posix.read(fd, 4096).decode().strip()
    posix.close(fd)
    missing = _numbers(cpus) - _numbers(online)
    if missing:
        first = ", ".join(str(number) for number in sorted(missing)[:5])
        yield f"/linux/resources/cpu/cpus: {show(cpus)} names CPU {first}, and this host has {online}"


def _memory(config: dict[str, Any]) -> Iterator[str]:
    limit = (((config.get("linux") or {}).get("resources") or {}).get("memory") or {}).get("limit") or 0
    if 0 < limit < advice.MEMORY_OF_INIT:
        yield f"/linux/resources/memory/limit: {limit} bytes; a container starts with {advice.MEMORY_OF_INIT}"


def _file_systems(config: dict[str, Any]) -> Iterator[str]:
    """Also one whose module the kernel would load is not missing: a warning."""
    known = [line.split("\t")[-1] for line in beginning("/proc/filesystems").splitlines()]
    for index, mount in enumerate(config.get("mounts") or ()):
        kind = mount.get("type") or ""
        binds = {"bind", "rbind", "remount"} & set(mount.get("options") or ())
        if kind and known and not binds and kind not in (*known, "bind", "none", "cgroup", "cgroup2"):
            hint = did_you_mean(kind, known)
            yield f"/mounts/{index}/type: this kernel has no file system {show(kind)} (a module may have it){hint}"


def _places(config: dict[str, Any]) -> Iterator[str]:
    """Files of the host's that the config names: namespaces, hooks, sysctls."""
    linux = config.get("linux") or {}
    for index, entry in enumerate(linux.get("namespaces") or ()):
        if entry.get("path") and not posix.access(entry["path"], posix.F_OK):
            yield f"/linux/namespaces/{index}/path: there is no {show(entry['path'])} to join"
    for kind, hooks in (config.get("hooks") or {}).items():
        for index, hook in enumerate(hooks if kind != "startContainer" else ()):
            if not posix.access(hook["path"], posix.X_OK):
                yield f"/hooks/{kind}/{index}/path: there is no program {show(hook['path'])}"
    for name in linux.get("sysctl") or {}:
        if not posix.access(f"/proc/sys/{sysctl_path(name)}", posix.F_OK):
            yield f"/linux/sysctl: {why_sysctl.unknown(name)}"


def _numbers(text: str) -> set[int]:
    """The numbers of a list such as `0-3,7`; none when it is broken, which another check tells."""
    try:
        return set(number_list.parse(text))
    except ValueError:
        return set()
