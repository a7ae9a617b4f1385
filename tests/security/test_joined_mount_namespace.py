"""A container in a mount namespace that was there before: the root of that namespace is another's, often the host's.

setns(2) into a mount namespace leads to its root, and the container's init has gone on from there by chroot(2): so must
whoever joins the container.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime


@pytest.fixture
def container(runtime: Runtime, bundle: Bundle, namespace_holder: Callable[..., int]) -> Container:
    if not runtime.is_pyoci:
        pytest.skip("runc does not pivot in a joined mount namespace")
    holder = namespace_holder("mount")
    for namespace in bundle.linux["namespaces"]:
        if namespace["type"] == "mount":
            namespace["path"] = f"/proc/{holder}/ns/mnt"
    bundle.sleeps()
    return runtime.start(bundle)


def test_exec_arrives_in_the_containers_root(runtime: Runtime, container: Container) -> None:
    container.path("/only-here").touch()
    assert "only-here" in runtime.expect("exec", container.id, "ls", "/").stdout.split()


def test_exec_by_a_file_of_the_host(runtime: Runtime, container: Container) -> None:
    """Nothing of the host's root is there to be executed."""
    assert "no such file or directory" in runtime.fails("exec", container.id, "/usr/bin/env")
