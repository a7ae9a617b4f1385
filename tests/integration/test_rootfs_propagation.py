"""config-linux.md, Rootfs Mount Propagation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers import sandbox
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime


@pytest.fixture
def host_mount(bundle: Bundle) -> Iterator[None]:
    """After the test, unmounts what it mounted in the bundle's rootfs."""
    yield
    sandbox.unmount(bundle.rootfs / "mnt")


def root(container: Container) -> set[str]:
    return container.mounts()["/"].propagation


@pytest.mark.beyond_runc("runc 1.1 leaves the rootfs private whatever the word")
def test_shared_is_a_peer_group_of_its_own(runtime: Runtime, bundle: Bundle, host_mount: None) -> None:
    bundle.linux["rootfsPropagation"] = "shared"
    container = runtime.create(bundle)
    assert "shared" in root(container)


@pytest.mark.parametrize("how", ["private", "slave", "unbindable", None])
def test_others_are_not_shared(runtime: Runtime, bundle: Bundle, how: str | None) -> None:
    if how:
        bundle.linux["rootfsPropagation"] = how
    assert "shared" not in root(runtime.create(bundle))


def test_private_has_no_peers_and_no_master(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["rootfsPropagation"] = "private"
    assert root(runtime.create(bundle)) == set()


@pytest.mark.beyond_runc("runc 1.1 leaves the rootfs private whatever the word")
def test_unbindable(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["rootfsPropagation"] = "unbindable"
    assert root(runtime.create(bundle)) == {"unbindable"}


@pytest.mark.beyond_runc("runc cuts the rootfs off from the host before it makes it a slave")
def test_slave_sees_what_the_host_mounts(runtime: Runtime, bundle: Bundle, host_mount: None) -> None:
    bundle.linux["rootfsPropagation"] = "slave"
    container = runtime.create(bundle)
    sandbox.mount("-t", "tmpfs", "tmpfs", bundle.rootfs / "mnt")
    assert "/mnt" in container.mounts()


@pytest.mark.parametrize("how", ["private", "unbindable"])
def test_private_does_not_see_what_the_host_mounts(
    runtime: Runtime, bundle: Bundle, host_mount: None, how: str
) -> None:
    bundle.linux["rootfsPropagation"] = how
    container = runtime.create(bundle)
    sandbox.mount("-t", "tmpfs", "tmpfs", bundle.rootfs / "mnt")
    assert "/mnt" not in container.mounts()


def test_an_unknown_word_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["rootfsPropagation"] = "contagious"
    assert "contagious" in runtime.refuses(bundle)
