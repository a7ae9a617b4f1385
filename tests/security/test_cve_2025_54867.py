"""CVE-2025-54867 (youki): /proc or /sys is a link, and what is masked and read-only there is not."""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


@pytest.mark.parametrize("target", ["real", "/real", "../../real"])
@pytest.mark.parametrize(("name", "path"), [("proc", "version"), ("sys", "kernel/uevent_seqnum")])
def test_a_mask_is_not_evaded(runtime: Runtime, bundle: Bundle, name: str, path: str, target: str) -> None:
    """The mount goes where the link leads, the mask to where the config says."""
    (bundle.rootfs / "real").mkdir()
    (bundle.rootfs / name).rmdir()
    (bundle.rootfs / name).symlink_to(target)
    bundle.linux["maskedPaths"] = [f"/{name}/{path}"]
    bundle.linux["readonlyPaths"] = [f"/{name}"]
    bundle.sh(f"cat /real/{path} /{name}/{path}")
    result = runtime.run(bundle)
    assert result.stdout == ""
    assert result.status != 0
