"""CVE-2025-31133, CVE-2025-62161 (youki): the /dev/null that masks a path is the image's, and something else.

What is masked must be masked by the host's null device, or the container must not come into being.
"""

from __future__ import annotations

import os
import posix
import stat
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import Outside, inside, swapping
from helpers.runtime import Runtime

from pyoci.errors import UnsupportedError
from pyoci.init.outside import masked_paths
from pyoci.kernel.beneath import Root

TRIES = 12


@pytest.fixture(autouse=True)
def image_has_its_own_dev(bundle: Bundle) -> None:
    bundle.config["mounts"] = [
        entry for entry in bundle.config["mounts"] if not entry["destination"].startswith("/dev")
    ]
    (bundle.rootfs / "etc/secret").write_text("secret")
    (bundle.rootfs / "etc/folder").mkdir()
    (bundle.rootfs / "etc/folder/secret").write_text("secret")
    (bundle.rootfs / "etc/victim").write_text("what the mask would show")
    bundle.linux["maskedPaths"] = ["/etc/secret", "/proc/version", "/etc/folder", "/proc/acpi"]


def masked_or_refused(runtime: Runtime, bundle: Bundle) -> bool:
    name = runtime.add(bundle)
    result = runtime.call("create", "--bundle", str(bundle.path), name)
    assert "Traceback" not in result.stderr
    if result.status != 0:
        return False

    def look() -> list[tuple[bool, int, bytes]]:
        found = []
        for path in ("/etc/secret", "/proc/version"):
            facts = os.stat(path)
            found.append((stat.S_ISCHR(facts.st_mode), facts.st_rdev, Path(path).read_bytes()))
        assert os.listdir("/etc/folder") == []
        return found

    pid = runtime.state(name)["pid"]
    assert inside(pid, look) == [(True, os.makedev(1, 3), b"")] * 2
    runtime.expect("delete", "--force", name)
    return True


@pytest.mark.parametrize("target", ["/etc/victim", "/outside", "/nowhere", "/proc/sys/kernel/core_pattern", "loop"])
def test_a_link(runtime: Runtime, bundle: Bundle, outside: Outside, target: str) -> None:
    target = {"/outside": str(outside.file), "loop": "/dev/null"}.get(target, target)
    (bundle.rootfs / "dev/null").symlink_to(target)
    masked_or_refused(runtime, bundle)
    outside.check()
    assert (bundle.rootfs / "etc/victim").read_text() == "what the mask would show"


def test_a_file(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "dev/null").write_text("secret")
    masked_or_refused(runtime, bundle)


def test_another_device(runtime: Runtime, bundle: Bundle) -> None:
    os.mknod(bundle.rootfs / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    masked_or_refused(runtime, bundle)


def test_a_block_device_of_the_same_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1:3 is a ramdisk there. Where the host has no /dev/null at all, the container's is looked at."""
    (tmp_path / "dev").mkdir()
    os.mknod(tmp_path / "dev/null", 0o666 | stat.S_IFBLK, os.makedev(1, 3))
    fd = os.open(tmp_path, os.O_PATH)
    monkeypatch.setattr(posix, "open", refuse)
    with pytest.raises(UnsupportedError, match="must be the null device"):
        masked_paths.apply(["/x"], "", Root(fd))
    os.close(fd)


def refuse(*_words: object, **_named: object) -> int:
    raise FileNotFoundError


def test_swapped_meanwhile(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    os.mknod(bundle.rootfs / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    (bundle.rootfs / "dev/link").symlink_to(outside.file)
    with swapping(bundle.rootfs / "dev/null", bundle.rootfs / "dev/link"):
        for _ in range(TRIES):
            masked_or_refused(runtime, bundle)
    outside.check()


def test_removed_meanwhile(runtime: Runtime, bundle: Bundle) -> None:
    """runc skipped the mask when /dev/null was gone."""
    bundle.hook("createContainer", f"rm -f {bundle.rootfs}/dev/null")
    assert masked_or_refused(runtime, bundle)
