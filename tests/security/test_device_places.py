"""A link of the image leads no device node into a volume."""

from __future__ import annotations

import os
import stat

import pytest
from helpers.bundle import Bundle
from helpers.hostile import Outside, swapping
from helpers.runtime import Runtime

DEVICE = {"type": "c", "major": 1, "minor": 7, "fileMode": 0o666}


@pytest.mark.parametrize("users", ["same", "mapped"])
@pytest.mark.parametrize(
    ("link", "target", "path"),
    [
        ("dev/snd", "/data", "/dev/snd/node"),
        ("dev/snd", "/data/folder", "/dev/snd/node"),
        ("dev/snd", "/data/folder", "/dev/snd/deeper/node"),
        ("other", "/data", "/other/node"),
        ("other", "/data", "/other/folder/node"),
        ("var", "data", "/var/node"),
    ],
)
def test_behind_a_link(
    runtime: Runtime, bundle: Bundle, outside: Outside, link: str, target: str, path: str, users: str
) -> None:
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if not m["destination"].startswith("/dev")]
    bundle.bind(outside.path, "/data", "rw", how="rbind")
    (bundle.rootfs / link).symlink_to(target)
    bundle.linux["devices"] = [{"path": path, **DEVICE}]
    if users == "mapped":
        bundle.user_namespace()
    name = runtime.add(bundle)
    result = runtime.call("create", "--bundle", str(bundle.path), name)
    outside.check()
    assert result.status != 0
    assert "is a link in the rootfs" in result.stderr


def test_behind_a_link_that_dangles(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    """An empty folder is made where it leads, as for a mount; and no device in it."""
    bundle.bind(outside.path, "/data", "rw", how="rbind")
    (bundle.rootfs / "other").symlink_to("/data/new")
    bundle.linux["devices"] = [{"path": "/other/node", **DEVICE}]
    assert "is a link in the rootfs" in runtime.refuses(bundle)
    assert not list((outside.path / "new").iterdir())


@pytest.mark.parametrize("target", ["elsewhere", "/elsewhere", "dangles"])
def test_dev_itself_is_a_link(runtime: Runtime, bundle: Bundle, target: str) -> None:
    """Whoever looks for /dev (the rules for devices, the links in it) must mean the same folder."""
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if not m["destination"].startswith("/dev")]
    (bundle.rootfs / "elsewhere").mkdir()
    (bundle.rootfs / "dev").rmdir()
    (bundle.rootfs / "dev").symlink_to(target)
    if runtime.is_pyoci:
        assert "/dev is a link in the rootfs" in runtime.refuses(bundle)
        assert not list((bundle.rootfs / "elsewhere").iterdir())


@pytest.mark.parametrize("users", ["same", "mapped"])
def test_a_link_within_the_rootfs_is_followed(runtime: Runtime, bundle: Bundle, users: str) -> None:
    (bundle.rootfs / "var").symlink_to("run")
    (bundle.rootfs / "run").mkdir()
    bundle.linux["devices"] = [{"path": "/var/folder/node", **DEVICE}]
    if users == "mapped":
        bundle.user_namespace()
    assert runtime.sh(bundle, "stat -c %t:%T /run/folder/node") == "1:7"


def test_a_volume_that_the_config_names(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    bundle.bind(outside.path, "/data", "rw", how="rbind")
    bundle.linux["devices"] = [{"path": "/data/node", **DEVICE}]
    assert runtime.sh(bundle, "stat -c %t:%T /data/node") == "1:7"


TRIES = 40  # of these, some four came in time


@pytest.mark.beyond_runc("runc leaves a node that is there as it is")
def test_folders_of_the_volume_that_are_exchanged_meanwhile(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    """Where the path of the container's own mount leads by then, there is the volume, which is the host's."""
    for name in ("one/mounted", "other/mounted"):
        (outside.path / name).mkdir(parents=True)
    node = outside.path / "node"
    os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(1, 7))
    bundle.bind(outside.path, "/data")
    bundle.mount("/data/one/mounted", "tmpfs")
    bundle.linux["devices"] = [{"path": "/data/node", **DEVICE}]
    with swapping(outside.path / "one", outside.path / "other"):
        for _ in range(TRIES):
            assert runtime.run(bundle).status != 0
    assert stat.S_IMODE(node.stat().st_mode) == 0o600


def test_dev_that_is_exchanged_for_a_link_meanwhile(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    """Neither a node nor one of the links in /dev comes to be in the volume that it leads to."""
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if not m["destination"].startswith("/dev")]
    bundle.bind(outside.path, "/data", "rw")
    (bundle.rootfs / "link").symlink_to("/data")
    with swapping(bundle.rootfs / "dev", bundle.rootfs / "link"):
        for _ in range(TRIES):
            runtime.run(bundle)
    outside.check()
