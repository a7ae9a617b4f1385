"""Sources of bind mounts: each is looked up when its turn has come, links as the options say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import sandbox
from helpers.bundle import Bundle, Config
from helpers.runtime import Runtime

RELEASE = tuple(int(word) for word in os.uname().release.split("-")[0].split(".")[:2])
idmap_of_tmpfs = pytest.mark.skipif(RELEASE < (6, 3), reason="tmpfs takes no id mappings before Linux 6.3")


@pytest.fixture
def volume(scratch: Path) -> Iterator[Path]:
    folder = scratch / "volume"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/fact").write_text("of the volume")
    sandbox.mount("--bind", folder, folder)
    sandbox.mount("--make-shared", folder)
    yield folder
    sandbox.unmount(folder)


def plain(bundle: Bundle, entry: Config) -> None:
    """Opened by init."""


def user_namespace(bundle: Bundle, _entry: Config) -> None:
    bundle.user_namespace()


def idmapped(_bundle: Bundle, entry: Config) -> None:
    for kind in ("uidMappings", "gidMappings"):
        entry[kind] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    entry["options"].append("idmap")


def told_to_the_host(bundle: Bundle, entry: Config) -> None:
    bundle.linux["rootfsPropagation"] = "rshared"
    entry["options"].append("rshared")


WAYS = [plain, user_namespace, pytest.param(idmapped, marks=idmap_of_tmpfs), told_to_the_host]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("covered", [True, False])
def test_a_source_in_an_earlier_mount(
    runtime: Runtime, bundle: Bundle, volume: Path, way: object, covered: bool
) -> None:
    """Either there is no such folder without the earlier mount, or there is another one beneath it."""
    if covered:
        (bundle.rootfs / "mnt/sub").mkdir()
        (bundle.rootfs / "mnt/sub/fact").write_text("beneath")
    bundle.bind(volume, "/mnt")
    entry = bundle.bind(bundle.rootfs / "mnt/sub", "/home")
    assert callable(way)
    way(bundle, entry)
    assert runtime.sh(bundle, "cat /home/fact") == "of the volume"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("covered", [True, False])
def test_by_a_link_to_an_earlier_mount(
    runtime: Runtime, bundle: Bundle, volume: Path, way: object, covered: bool
) -> None:
    if covered:
        (bundle.rootfs / "mnt/sub").mkdir()
        (bundle.rootfs / "mnt/sub/fact").write_text("beneath")
    (bundle.path / "way").symlink_to(bundle.rootfs / "mnt")
    bundle.bind(volume, "/mnt")
    entry = bundle.bind(bundle.path / "way/sub", "/home")
    assert callable(way)
    way(bundle, entry)
    assert runtime.sh(bundle, "cat /home/fact") == "of the volume"


@pytest.mark.parametrize("way", WAYS)
def test_a_source_in_the_rootfs(runtime: Runtime, bundle: Bundle, way: object) -> None:
    (bundle.rootfs / "mnt/fact").write_text("of the image")
    entry = bundle.bind("rootfs/mnt", "/home")
    assert callable(way)
    way(bundle, entry)
    assert runtime.sh(bundle, "cat /home/fact") == "of the image"


@pytest.mark.parametrize("way", WAYS)
def test_a_source_that_is_nowhere_is_refused(runtime: Runtime, bundle: Bundle, scratch: Path, way: object) -> None:
    entry = bundle.bind(scratch / "nowhere", "/home")
    assert callable(way)
    way(bundle, entry)
    words = runtime.refuses(bundle)
    assert "nowhere" in words and "no such file" in words


beyond_runc = pytest.mark.beyond_runc("the option is crun's")


@pytest.fixture
def link(scratch: Path) -> Path:
    (scratch / "fact").write_text("where it leads")
    (scratch / "link").symlink_to("fact")
    return scratch / "link"


@beyond_runc
def test_a_link_is_copied(runtime: Runtime, bundle: Bundle, link: Path) -> None:
    bundle.bind(link, "/mnt/new/link", "copy-symlink")
    bundle.bind(link.parent / "fact", "/mnt/new/fact", "copy-symlink")  # no link: a bind mount as others
    assert runtime.sh(bundle, "readlink /mnt/new/link; cat /mnt/new/link") == "fact\nwhere it leads"


@beyond_runc
def test_the_same_link_may_be_there(runtime: Runtime, bundle: Bundle, link: Path) -> None:
    (bundle.rootfs / "there").symlink_to("fact")
    bundle.bind(link, "/there", "copy-symlink")
    assert runtime.sh(bundle, "readlink /there") == "fact"


@beyond_runc
@pytest.mark.parametrize("other", ["file", "link", "folder"])
def test_nothing_else_may_be_there(runtime: Runtime, bundle: Bundle, link: Path, other: str) -> None:
    if other == "link":
        (bundle.rootfs / "there").symlink_to("elsewhere")
    else:
        (bundle.rootfs / "there").mkdir() if other == "folder" else (bundle.rootfs / "there").write_text("")
    bundle.bind(link, "/there", "copy-symlink")
    assert "EEXIST" in runtime.refuses(bundle)


@beyond_runc
def test_a_link_is_mounted_itself(runtime: Runtime, bundle: Bundle, link: Path) -> None:
    bundle.bind(link, "/mnt/link", "src-nofollow")
    (bundle.rootfs / "mnt/fact").write_text("inside")
    assert runtime.sh(bundle, "readlink /mnt/link; cat /mnt/link") == "fact\ninside"


@beyond_runc
def test_a_link_at_the_destination_is_covered(runtime: Runtime, bundle: Bundle, link: Path) -> None:
    (bundle.rootfs / "mnt/link").symlink_to("/etc/passwd")
    bundle.bind(link, "/mnt/link", "dest-nofollow")
    assert runtime.sh(bundle, "cat /mnt/link; grep -c alice /etc/passwd") == "where it leads1"


@beyond_runc
@idmap_of_tmpfs
def test_ranges_of_idmap(runtime: Runtime, bundle: Bundle, link: Path) -> None:
    os.chown(link.parent / "fact", 1000, 2000)
    bundle.bind(link.parent / "fact", "/mnt/fact", "idmap=uids=1000-5000-1#0-0-1;gids=2000-6000-10")
    assert runtime.sh(bundle, "stat -c %u:%g /mnt/fact") == "5000:6000"
