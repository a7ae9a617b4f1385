"""CVE-2026-115521 (crun): /proc/self/fd of the image redirects what makes the rootfs read-only."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import error_of, inside
from helpers.runtime import Runtime


@pytest.mark.parametrize("kind", ["folders", "links"])
def test_the_rootfs_is_read_only(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.config["mounts"] = [
        entry for entry in bundle.config["mounts"] if entry["destination"] not in ("/proc", "/sys")
    ]
    decoy = bundle.rootfs / "decoy"
    decoy.mkdir()
    bundle.mount("/decoy", "tmpfs")
    bundle.mount("/late", "tmpfs", ["ro"])
    folder = bundle.rootfs / "proc/self/fd"
    folder.mkdir(parents=True)
    (bundle.rootfs / "proc/thread-self").symlink_to("self")
    for number in range(64):
        (folder / str(number)).symlink_to("/decoy") if kind == "links" else (folder / str(number)).mkdir()
    bundle.config["root"]["readonly"] = True
    container = runtime.create(bundle)

    def writes() -> dict[str, int]:
        return {path: error_of(Path(path).touch) for path in ("/new", "/etc/new", "/late/new", "/decoy/new")}

    found = inside(container.pid, writes)
    assert found == {"/new": errno.EROFS, "/etc/new": errno.EROFS, "/late/new": errno.EROFS, "/decoy/new": 0}
