"""CVE-2019-18837 (crun), CVE-2015-3629: the target of a mount is a link of the image that leads out of the rootfs."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import MountTable, Outside
from helpers.runtime import Runtime

WAYS = ["absolute", "climbing", "two", "magic"]


def link(bundle: Bundle, outside: Outside, way: str) -> None:
    """/link of the image, on some way to the folder of the host."""
    target = {
        "absolute": str(outside.path),
        "climbing": "../" * 20 + str(outside.path).lstrip("/"),
        "two": "/second/..",
        "magic": f"/proc/self/root{outside.path}",
    }[way]
    (bundle.rootfs / "second").symlink_to(outside.path / "folder")
    (bundle.rootfs / "link").symlink_to(target)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("target", ["/link", "/link/folder"])
def test_a_folder(runtime: Runtime, bundle: Bundle, scratch: Path, outside: Outside, way: str, target: str) -> None:
    link(bundle, outside, way)
    table = MountTable(bundle, scratch / "mountinfo")
    bundle.mount(target, "tmpfs", source="evil")
    runtime.run(bundle)
    if (scratch / "mountinfo").exists():
        assert not table.strays()
    outside.check()


@pytest.mark.parametrize("way", WAYS)
def test_a_file(runtime: Runtime, bundle: Bundle, scratch: Path, outside: Outside, way: str) -> None:
    link(bundle, outside, way)
    (scratch / "evil").write_text("evil")
    table = MountTable(bundle, scratch / "mountinfo")
    bundle.bind(scratch / "evil", "/link/secret")
    runtime.run(bundle)
    if (scratch / "mountinfo").exists():
        assert not table.strays()
    outside.check()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", ["maskedPaths", "readonlyPaths"])
def test_a_masked_and_a_readonly_path(runtime: Runtime, bundle: Bundle, outside: Outside, way: str, what: str) -> None:
    link(bundle, outside, way)
    bundle.linux[what] = ["/link/secret", "/link/folder", "/link"]
    runtime.run(bundle)
    outside.check()
    (outside.path / "folder/still-writable").touch()


def test_a_bundles_source_stays_the_hosts(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    """A link in a *source* is the engine's: it is resolved on the host, and read-only holds."""
    bundle.bind(outside.path, "/mnt", "ro")
    bundle.sh("cat /mnt/secret; touch /mnt/new 2>&1 || true")
    output = runtime.run(bundle).stdout
    assert outside.SECRET in output
    assert "Read-only" in output
    outside.check()
