"""CVE-2020-15257 (containerd-shim): an abstract socket, open to a container in the host's network namespace."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import USUAL, error_of, inside
from helpers.runtime import Runtime


def abstract() -> set[str]:
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    return {line.split()[-1] for line in lines if line.split()[-1].startswith("@")}


@pytest.mark.parametrize("users", ["host", "mapped"])
def test_no_abstract_socket(runtime: Runtime, bundle: Bundle, users: str) -> None:
    if users == "mapped":
        bundle.user_namespace()
    bundle.no_namespace("network")
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["destination"] != "/sys"]
    before = abstract()
    container = runtime.create(bundle)
    assert abstract() <= before
    container.start()
    assert abstract() <= before


def test_the_start_socket_is_not_the_containers(runtime: Runtime, bundle: Bundle) -> None:
    """Who reaches it could start the container, or give init a descriptor of his choice."""
    bundle.no_namespace("network")
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["destination"] != "/sys"]
    container = runtime.create(bundle)
    sockets = [line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines() if container.id in line]
    paths = {*sockets, *(str(path) for path in runtime.root.rglob("*") if path.is_socket())}
    assert paths or not runtime.is_pyoci

    def connect() -> list[int]:
        return [error_of(partial(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect, path)) for path in paths]

    assert 0 not in inside(container.pid, connect, USUAL)
    assert all((path.stat().st_mode & 0o077) == 0 or _hidden(path) for path in map(Path, paths) if path.exists())
    assert container.status == "created"


def _hidden(path: Path) -> bool:
    """A folder on the way is root's alone."""
    return any(parent.stat().st_mode & 0o011 == 0 for parent in path.parents)
