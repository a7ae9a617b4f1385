"""CVE-2024-45310: the runtime makes empty files and folders on the host, for a target behind a link."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import Outside, swapping
from helpers.runtime import Runtime

TRIES = 10


@pytest.fixture
def file(scratch: Path) -> Path:
    path = scratch / "file"
    path.write_text("bound")
    return path


@pytest.mark.parametrize("target", ["absolute", "climbing"])
@pytest.mark.parametrize("end", ["", "/new", "/new/deep/er", "/folder/new"])
@pytest.mark.parametrize("kind", ["folder", "file", "device", "cwd"])
def test_a_link_of_the_image(
    runtime: Runtime, bundle: Bundle, outside: Outside, file: Path, target: str, end: str, kind: str
) -> None:
    place = outside.path if end else outside.path / "dangling"
    climbing = "../" * 20 + str(place).lstrip("/")
    (bundle.rootfs / "link").symlink_to(place if target == "absolute" else climbing)
    if kind == "folder":
        bundle.mount(f"/link{end}", "tmpfs")
    elif kind == "file":
        bundle.bind(file, f"/link{end}")
    elif kind == "device":
        bundle.linux["devices"] = [{"path": f"/link{end}", "type": "p", "fileMode": 0o666}]
    else:
        bundle.process["cwd"] = f"/link{end}"
    runtime.run(bundle)
    outside.check()


@pytest.mark.parametrize("kind", ["folder", "file", "cwd"])
def test_a_folder_that_is_swapped_meanwhile(
    runtime: Runtime, bundle: Bundle, outside: Outside, scratch: Path, file: Path, kind: str
) -> None:
    volume = scratch / "volume"
    (volume / "d").mkdir(parents=True)
    (volume / "link").symlink_to(outside.path)
    bundle.bind(volume, "/volume")
    for number in range(6):
        if kind == "folder":
            bundle.mount(f"/volume/d/{number}/new", "tmpfs")
        elif kind == "file":
            bundle.bind(file, f"/volume/d/{number}/new")
    if kind == "cwd":
        bundle.process["cwd"] = "/volume/d/new/deep/er"
    with swapping(volume / "d", volume / "link"):
        for _ in range(TRIES):
            result = runtime.run(bundle)
            assert "Traceback" not in result.stderr
    outside.check()
