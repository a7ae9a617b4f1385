"""Every option of a mount by every kind of mount: what cannot be applied is refused by its name (runtime.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Mount, Runtime, reap

pytestmark = pytest.mark.beyond_runc("runc drops what it does not know")

PLACE = "/table"
MAPPING = [{"containerID": 0, "hostID": 0, "size": 65536}]


def has(*words: str) -> Callable[[Mount], bool]:
    """These flags are of the mount or of its file system."""
    return lambda mount: {*words} <= mount.options | mount.super_options


def lacks(*words: str) -> Callable[[Mount], bool]:
    return lambda mount: not {*words} & mount.options


def propagates(*words: str) -> Callable[[Mount], bool]:
    return lambda mount: mount.propagation - {"master"} == {*words}


def value(name: str, *values: str) -> Callable[[Mount], bool]:
    return lambda mount: any(f"{name}={shown}" in mount.super_options for shown in values)


OPTIONS: dict[str, Callable[[Mount], bool]] = {
    "ro": has("ro"),
    "rw": has("rw"),
    "nosuid": has("nosuid"),
    "suid": lacks("nosuid"),
    "nodev": has("nodev"),
    "dev": lacks("nodev"),
    "noexec": has("noexec"),
    "exec": lacks("noexec"),
    "noatime": has("noatime"),
    "atime": lacks("noatime"),
    "nodiratime": has("nodiratime"),
    "diratime": lacks("nodiratime"),
    "relatime": has("relatime"),
    "strictatime": lacks("relatime", "noatime"),
    "nosymfollow": has("nosymfollow"),
    "symfollow": lacks("nosymfollow"),
    **{f"r{name}": has(name) for name in ("ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow")},
    "rrelatime": has("relatime"),
    "rstrictatime": lacks("relatime", "noatime"),
    "rrw": lambda mount: "ro" not in mount.options,
    "rsuid": lacks("nosuid"),
    "rdev": lacks("nodev"),
    "rexec": lacks("noexec"),
    "sync": has("sync"),
    "dirsync": has("dirsync"),
    "lazytime": has("lazytime"),
    "private": propagates(),
    "rprivate": propagates(),
    "slave": propagates(),
    "rslave": propagates(),
    "shared": propagates("shared"),
    "rshared": propagates("shared"),
    "unbindable": propagates("unbindable"),
    "runbindable": propagates("unbindable"),
    "size=5m": value("size", "5120k"),
    "mode=711": value("mode", "711"),
    "uid=7": value("uid", "7"),
    "gid=7": value("gid", "7"),
    "nr_inodes=77": value("nr_inodes", "77"),
    "hidepid=2": value("hidepid", "2", "invisible"),
    "ptmxmode=0620": value("ptmxmode", "620"),
    "tmpcopyup": lambda mount: mount.kind == "tmpfs",
    "copy-symlink": lambda _mount: True,
    "frobnicate": lambda _mount: False,
    "frobnicate=7": lambda _mount: False,
    "idmap=uids=0-1-10;gids=0-1-10": has("idmapped"),
    "loop": lambda _mount: False,
    "nofail": lambda _mount: False,
    "x-anything": lambda _mount: False,
}


def source(bundle: Bundle) -> Path:
    folder = bundle.path / "source"
    (folder / "inner").mkdir(parents=True, exist_ok=True)
    return folder


def bind(how: str, *, mapped: bool = False) -> Callable[[Bundle], dict[str, Any]]:
    def make(bundle: Bundle) -> dict[str, Any]:
        ids = {"uidMappings": MAPPING, "gidMappings": MAPPING} if mapped else {}
        words = [how, "idmap"] if mapped else [how]
        return {"type": "none", "source": str(source(bundle)), "options": words, **ids}

    return make


def overlay(bundle: Bundle) -> dict[str, Any]:
    for name in ("upper", "work"):
        (bundle.path / name).mkdir(exist_ok=True)
    layers = f"lowerdir={source(bundle)},upperdir={bundle.path}/upper,workdir={bundle.path}/work"
    return {"type": "overlay", "source": "overlay", "options": layers.split(",")}


def new(kind: str) -> Callable[[Bundle], dict[str, Any]]:
    return lambda _bundle: {"type": kind, "source": kind, "options": []}


KINDS: dict[str, Callable[[Bundle], dict[str, Any]]] = {
    "bind": bind("bind"),
    "rbind": bind("rbind"),
    "idmapped bind": bind("bind", mapped=True),
    "overlay": overlay,
    **{kind: new(kind) for kind in ("tmpfs", "proc", "sysfs", "mqueue", "devpts", "cgroup")},
    # of these the kernel drops what it does not know, or all of it, since their superblock is there already
    **{kind: new(kind) for kind in ("ramfs", "bpf", "debugfs", "devtmpfs", "cgroup2")},
    "another sysfs": new("sysfs"),
}
AT = {"proc": "/proc", "sysfs": "/sys"}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_each_cell_is_applied_or_refused_by_name(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    entry = KINDS[kind](bundle)
    if f"\t{entry['type']}\n" not in Path("/proc/filesystems").read_text() + "\tnone\n\tcgroup\n":
        pytest.skip(f"this kernel has no {entry['type']}")
    place = AT.get(kind, PLACE)
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["destination"] not in (PLACE, place)]
    others = list(bundle.config["mounts"])
    wrong = []
    for option, applied in OPTIONS.items():
        entry = KINDS[kind](bundle)
        entry = {"destination": place, **entry, "options": [*entry["options"], option]}
        # what lies in /proc or /sys comes after it
        bundle.config["mounts"] = [entry, *others]
        name = runtime.add(bundle)
        result = runtime.call("create", "--bundle", str(bundle.path), name)
        try:
            if result.status:
                if option.partition("=")[0] not in result.stderr:
                    wrong.append(f"{option}: refused, but not by name: {result.stderr.strip()}")
                continue
            lines = Path(f"/proc/{runtime.state(name)['pid']}/mountinfo").read_text().splitlines()
            found = [mount for mount in map(Mount.parse, lines) if mount.point == place][-1]
            if not applied(found):
                wrong.append(f"{option}: neither applied nor refused: {found}")
        finally:
            runtime.call("delete", "--force", name)
            reap()
    assert not wrong, "\n".join(wrong)
