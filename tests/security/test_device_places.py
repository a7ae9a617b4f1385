"""A link of the image leads no device node into a volume."""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.hostile import Outside
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
