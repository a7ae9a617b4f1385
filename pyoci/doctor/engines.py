"""Which engines are installed, and whether and how they have pyoci registered."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections.abc import Iterator
from typing import Any

from pyoci.doctor.model import Engine

_PROGRAMS = {
    "podman": "podman",
    "buildah": "buildah",
    "docker": "dockerd",
    "containerd": "containerd",
    "cri-o": "crio",
}
_LIMIT = 1 << 20


def installed(root: str = "/", home: str = "") -> Iterator[Engine]:
    """The engines in PATH; their settings are looked for below `root` and in `home`."""
    for name, program in _PROGRAMS.items():
        path = shutil.which(program)
        if path is None:
            continue
        engine = Engine(name=name, program=path)
        for settings in _settings(name, root, home):
            runtime = _named(_parsed(settings))
            if runtime:
                engine.registered, engine.settings = runtime, settings
                engine.usable = shutil.which(runtime) is not None
        yield engine


def _settings(name: str, root: str, home: str) -> Iterator[str]:
    """The files of an engine's settings that are there; the last one counts."""
    if name in ("podman", "buildah"):
        places = ["usr/share/containers/containers.conf", "etc/containers/containers.conf"]
        yield from _with_folder(root, places, "etc/containers/containers.conf.d")
        if home:
            yield from _with_folder(
                home, [".config/containers/containers.conf"], ".config/containers/containers.conf.d"
            )
    elif name == "docker":
        yield from _with_folder(root, ["etc/docker/daemon.json"], "")
    elif name == "containerd":
        yield from _with_folder(root, ["etc/containerd/config.toml"], "etc/containerd/conf.d")
    else:
        yield from _with_folder(root, ["etc/crio/crio.conf"], "etc/crio/crio.conf.d")


def _with_folder(root: str, files: list[str], folder: str) -> Iterator[str]:
    for name in files:
        if os.path.isfile(os.path.join(root, name)):
            yield os.path.join(root, name)
    if folder:
        try:
            names = sorted(os.listdir(os.path.join(root, folder)))
        except OSError:
            return
        for name in names:
            if name.endswith((".conf", ".toml")):
                yield os.path.join(root, folder, name)


def _parsed(path: str) -> Any:
    """The settings as data; None for a file that cannot be read or breaks its format: the engine will say so."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LIMIT).decode("utf-8", "replace")
        return json.loads(data) if path.endswith(".json") else tomllib.loads(data)
    except (OSError, ValueError, RecursionError):
        return None


def _named(settings: Any) -> str:
    """The path of a runtime called pyoci, wherever in the settings it is named.

    As `pyoci = ["/path"]` (containers.conf), `"pyoci": {"path": "/path"}` (daemon.json), `BinaryName = "/path/pyoci"`
    (containerd) and `[crio.runtime.runtimes.pyoci] runtime_path = "/path"`.
    """
    if not isinstance(settings, dict):
        return ""
    for key, value in settings.items():
        if key == "pyoci":
            runtime = _path(value)
            if runtime:
                return runtime
        if key == "BinaryName" and isinstance(value, str) and os.path.basename(value).startswith("pyoci"):
            return value
        runtime = _named(value)
        if runtime:
            return runtime
    return ""


def _path(value: Any) -> str:
    if isinstance(value, list):
        return next((item for item in value if isinstance(item, str)), "")
    if isinstance(value, dict):
        for key in ("path", "runtime_path"):
            if isinstance(value.get(key), str):
                return str(value[key])
    return value if isinstance(value, str) else ""
