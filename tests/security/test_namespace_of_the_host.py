"""A namespace joined by a path that is the host's own: whatever asks for one of the container's must not be content."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

from pyoci.errors import UnsupportedError
from pyoci.host import open_for_init

Edit = Callable[[Bundle], Any]
FILES = {"network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "user": "user", "cgroup": "cgroup", "pid": "pid"}

REFUSED: dict[str, tuple[str, Edit, str]] = {
    "sysctl net": ("network", lambda b: b.linux.update(sysctl={"net.ipv4.ip_forward": "1"}), "net.ipv4.ip_forward"),
    "sysctl ipc": ("ipc", lambda b: b.linux.update(sysctl={"kernel.msgmax": "8191"}), "kernel.msgmax"),
    "sysctl mqueue": ("ipc", lambda b: b.linux.update(sysctl={"fs.mqueue.msg_max": "9"}), "fs.mqueue.msg_max"),
    "sysctl uts": ("uts", lambda b: b.linux.update(sysctl={"kernel.domainname": "evil"}), "kernel.domainname"),
    "hostname": ("uts", lambda b: b.config.update(hostname="evil"), "/hostname"),
    "domainname": ("uts", lambda b: b.config.update(domainname="evil"), "/domainname"),
    "net devices": ("network", lambda b: b.linux.update(netDevices={"lo": {"name": "evil"}}), "/linux/netDevices"),
    "masked paths": ("mount", lambda b: b.linux.update(maskedPaths=["/proc/kcore"]), "/linux/maskedPaths"),
    "read-only paths": ("mount", lambda b: b.linux.update(readonlyPaths=["/proc/sys"]), "/linux/readonlyPaths"),
    "propagation": ("mount", lambda b: b.linux.update(rootfsPropagation="shared"), "/linux/rootfsPropagation"),
    "mappings": (
        "user",
        lambda b: b.linux.update(
            {f"{k}Mappings": [{"containerID": 0, "hostID": 1, "size": 1}] for k in ("uid", "gid")}
        ),
        "Mappings",
    ),
}


def paths(kind: str, scratch: Path) -> list[str]:
    """Three names of the host's own namespace."""
    link = scratch / f"link-{kind}"
    if not link.exists():
        link.symlink_to(f"/proc/{os.getpid()}/ns/{FILES[kind]}")
    return [f"/proc/self/ns/{FILES[kind]}", f"/proc/{os.getpid()}/ns/{FILES[kind]}", str(link)]


def host() -> tuple[object, ...]:
    names = ("net/ipv4/ip_forward", "kernel/msgmax", "fs/mqueue/msg_max", "kernel/domainname")
    return (socket.gethostname(), *(Path("/proc/sys", name).read_text() for name in names))


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(runtime: Runtime, bundle: Bundle, scratch: Path, name: str, which: int) -> None:
    if not runtime.is_pyoci:
        pytest.skip("runc knows some of them")
    kind, edit, place = REFUSED[name]
    before = host()
    bundle.namespace(kind, paths(kind, scratch)[which])
    if kind in ("ipc", "mount"):
        bundle.config["mounts"] = [] if kind == "mount" else bundle.config["mounts"]
    edit(bundle)
    assert place in runtime.refuses(bundle)
    assert host() == before


@pytest.mark.parametrize("kind", sorted(FILES.keys() - {"mount"}))
def test_without_such_a_wish_it_is_the_hosts(runtime: Runtime, bundle: Bundle, scratch: Path, kind: str) -> None:
    if not runtime.is_pyoci:
        pytest.skip("asks for pyoci's decision")
    before = host()
    bundle.namespace(kind, paths(kind, scratch)[1])
    bundle.sleeps()
    container = runtime.start(bundle)
    assert container.namespace(FILES[kind]) == os.readlink(f"/proc/self/ns/{FILES[kind]}")
    assert runtime.exec(container.id, "true").status == 0
    assert host() == before


@pytest.mark.beyond_runc("a function of pyoci's")
@pytest.mark.parametrize("kind", ["uts", "ipc", "network", "cgroup"])
def test_a_path_that_has_become_the_hosts_since_the_plan_was_made(kind: str) -> None:
    """The plan allows sysctls and names where it is the container's; so it is looked at again, when it is open."""
    path = f"/proc/self/ns/{FILES[kind]}"
    with pytest.raises(UnsupportedError, match="it has become the runtime's own"):
        open_for_init._open_namespace(kind, path)
