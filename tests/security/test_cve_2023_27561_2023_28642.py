"""CVE-2023-27561, CVE-2023-28642, CVE-2025-54867 (youki): the image has /proc or /sys as a link."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import FakeProc, Outside
from helpers.runtime import Runtime

TARGETS = ["/fake", "fake", "../../../../../fake", "/proc2", "/outside", "/dev/shm", "/"]


@pytest.mark.parametrize("name", ["proc", "sys"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_link(runtime: Runtime, bundle: Bundle, outside: Outside, name: str, target: str) -> None:
    image = FakeProc(bundle.rootfs / "fake")
    (bundle.rootfs / name).rmdir()
    (bundle.rootfs / name).symlink_to(str(outside.path) if target == "/outside" else target)
    bundle.linux["sysctl"] = {FakeProc.SYSCTL: FakeProc.VALUE}
    assert "link" in runtime.refuses(bundle)
    image.check()
    outside.check()


@pytest.mark.parametrize("destination", ["/proc", "/sys"])
def test_a_file(runtime: Runtime, bundle: Bundle, destination: str) -> None:
    path = Path(bundle.rootfs, destination.lstrip("/"))
    path.rmdir()
    path.write_text("file")
    runtime.refuses(bundle)


@pytest.mark.parametrize("kind", ["proc", "sysfs"])
def test_a_link_on_the_way(runtime: Runtime, bundle: Bundle, outside: Outside, kind: str) -> None:
    (bundle.rootfs / "way").symlink_to(outside.path)
    bundle.mount(f"/way/{kind}", kind)
    name = runtime.add(bundle)
    runtime.call("create", "--bundle", str(bundle.path), name)
    outside.check()
