"""CVE-2026-119101, CVE-2026-115520 (crun): `restore` binds a folder of the host that a link of the image names."""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.hostile import Outside
from helpers.runtime import Runtime


def test_no_restore_no_escape(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    (bundle.rootfs / "evil").symlink_to(f"{outside.path}]:{outside.path}")
    bundle.bind(outside.path / "folder", "/evil")
    name = runtime.add(bundle)
    result = runtime.call("restore", "--bundle", str(bundle.path), "--image-path", str(outside.path), name)
    if result.status == 0:
        pytest.fail("restore works now: try the escapes on it")
    assert result.stderr
    assert runtime.call("state", name).status != 0
    outside.check()
