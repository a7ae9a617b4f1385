"""CVE-2025-54867 (youki): /proc or /sys is a link, and what is masked and read-only there is not."""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


@pytest.mark.parametrize("target", ["real", "/real", "../../real"])
@pytest.mark.parametrize(("name", "path"), [("proc", "version"), ("sys", "kernel/uevent_seqnum")])
def test_a_mask_is_not_evaded(runtime: Runtime, bundle: Bundle, name: str, path: str, target: str) -> None:
    """A link in place of /proc or /sys is refused: what is masked there is never shown."""
    (bundle.rootfs / "real").mkdir()
    (bundle.rootfs / name).rmdir()
    (bundle.rootfs / name).symlink_to(target)
    bundle.linux["maskedPaths"] = [f"/{name}/{path}"]
    bundle.linux["readonlyPaths"] = [f"/{name}"]
    bundle.sh(f"cat /real/{path} /{name}/{path}")
    assert "not a link" in runtime.refuses(bundle)


@pytest.mark.parametrize("target", ["real", "/real", "../../real"])
def test_a_mask_behind_a_link_covers_what_the_link_names(runtime: Runtime, bundle: Bundle, target: str) -> None:
    """The mount goes where the link leads, and so does the mask."""
    (bundle.rootfs / "real").mkdir()
    (bundle.rootfs / "link").symlink_to(target)
    bundle.config["mounts"].append(
        {"destination": "/link", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]}
    )
    (bundle.rootfs / "real/secret").write_text("secret")
    (bundle.rootfs / "real/read-only").write_text("before")
    bundle.linux["maskedPaths"] = ["/link/secret"]
    bundle.linux["readonlyPaths"] = ["/link/read-only"]
    script = "cat /real/secret /link/secret; for at in real link; do echo after > /$at/read-only || true; done"
    assert runtime.sh(bundle, f"({script}; cat /real/read-only) 2> /dev/null") == "before"
