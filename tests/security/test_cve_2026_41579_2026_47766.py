"""CVE-2026-41579, CVE-2026-47766 (crun): /dev of the image is a link; a `ptmx` of the host goes, links are made."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import MountTable, Outside
from helpers.runtime import Runtime


@pytest.mark.parametrize("target", ["absolute", "climbing", "two"])
@pytest.mark.parametrize("mounts", ["none", "devpts", "all"])
def test_dev_is_a_link(
    runtime: Runtime, bundle: Bundle, scratch: Path, outside: Outside, target: str, mounts: str
) -> None:
    for name in ("ptmx", "fd", "core"):
        (outside.path / name).write_text("of the host")
    (outside.path / "pts").mkdir()
    (outside.path / "pts/ptmx").write_text("")
    outside.watch()
    (bundle.rootfs / "dev").rmdir()
    (bundle.rootfs / "hop").symlink_to(outside.path)
    climbing = "../" * 20 + str(outside.path).lstrip("/")
    (bundle.rootfs / "dev").symlink_to({"absolute": str(outside.path), "climbing": climbing, "two": "/hop/."}[target])
    if mounts != "all":
        rest = [entry for entry in bundle.config["mounts"] if not entry["destination"].startswith("/dev")]
        bundle.config["mounts"] = rest
    if mounts == "devpts":
        bundle.mount("/dev/pts", "devpts", ["newinstance", "ptmxmode=0666"])
    bundle.linux["devices"] = [{"path": "/dev/extra", "type": "c", "major": 1, "minor": 5}]
    table = MountTable(bundle, scratch / "mountinfo")
    runtime.run(bundle)
    if (scratch / "mountinfo").exists():
        assert not table.strays()
    outside.check()


@pytest.mark.parametrize("name", ["ptmx", "fd", "stdin", "core", "null", "pts", "shm", "mqueue"])
def test_a_name_in_dev_is_a_link(runtime: Runtime, bundle: Bundle, outside: Outside, name: str) -> None:
    rest = [entry for entry in bundle.config["mounts"] if entry["destination"] != "/dev"]
    bundle.config["mounts"] = rest
    (bundle.rootfs / "dev" / name).symlink_to(outside.path / "folder")
    runtime.run(bundle)
    outside.check()
