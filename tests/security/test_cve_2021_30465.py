"""CVE-2021-30465: the target of a mount is swapped for a link while the container is made.

A tmpfs that then lies over a folder of the host would be the source of the mounts that follow.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import MountTable, Outside, swapping
from helpers.runtime import Runtime

TRIES = 10


@pytest.mark.parametrize("kind", ["tmpfs", "bind", "proc"])
def test_a_target_on_a_shared_volume(
    runtime: Runtime, bundle: Bundle, scratch: Path, outside: Outside, kind: str
) -> None:
    volume, evil = scratch / "volume", scratch / "evil"
    (volume / "target").mkdir(parents=True)
    (volume / "link").symlink_to(outside.path)  # of the host: the runtime still sees the host's root
    evil.mkdir()
    (evil / "secret").write_text("evil")
    bundle.bind(volume, "/volume")
    if kind == "bind":
        bundle.bind(evil, "/volume/target")
    else:
        bundle.mount("/volume/target", kind)
    bundle.bind(outside.path, "/later")
    table = MountTable(bundle, scratch / "mountinfo")
    bundle.sh("cat /later/secret")
    made = 0
    with swapping(volume / "target", volume / "link"):
        for _ in range(TRIES):
            table_file = scratch / "mountinfo"
            table_file.unlink(missing_ok=True)
            result = runtime.run(bundle)
            assert "Traceback" not in result.stderr
            if result.status == 0:
                made += 1
                assert result.stdout == outside.SECRET, json.dumps(result)
            if table_file.exists():
                assert not table.strays()
    outside.check()
    assert made, "no container was made: nothing has been tried"


def test_a_target_in_the_rootfs(runtime: Runtime, bundle: Bundle, scratch: Path, outside: Outside) -> None:
    deep = bundle.rootfs / "a/b"
    deep.mkdir(parents=True)
    (bundle.rootfs / "a/link").symlink_to("../" * 20 + str(outside.path).lstrip("/"))
    for number in range(4):
        bundle.mount(f"/a/b/new/{number}", "tmpfs")
    table = MountTable(bundle, scratch / "mountinfo")
    with swapping(deep, bundle.rootfs / "a/link"):
        for _ in range(TRIES):
            (scratch / "mountinfo").unlink(missing_ok=True)
            runtime.run(bundle)
            if (scratch / "mountinfo").exists():
                assert not table.strays()
    outside.check()
