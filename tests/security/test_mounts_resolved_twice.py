"""What is said of a mount reaches that mount, though its path leads elsewhere a moment later.

Another container that shares a volume exchanges folders in it while the mounts are made. Flags that were looked up by
path a second time landed on the container's /dev, and the mount that they were meant for kept none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle, Config
from helpers.hostile import swapping
from helpers.runtime import Mount, Runtime

TRIES = 25
SOURCE = "the-one"


@pytest.fixture
def volume(bundle: Bundle, scratch: Path) -> Iterator[Path]:
    """A shared folder at /volume, in which `target` is now a folder, now a link to /dev."""
    folder = scratch / "volume"
    (folder / "target").mkdir(parents=True)
    (folder / "target/fact").write_text("covered")
    (folder / "link").symlink_to("/dev")
    bundle.bind(folder, "/volume")
    with swapping(folder / "target", folder / "link"):
        yield folder


def all_mounts(runtime: Runtime, name: str) -> list[Mount]:
    table = Path(f"/proc/{runtime.state(name)['pid']}/mountinfo").read_text()
    return [Mount.parse(line) for line in table.splitlines()]


def ro_tmpfs() -> list[Config]:
    return [{"destination": "/volume/target", "type": "tmpfs", "source": SOURCE, "options": ["ro", "noexec"]}]


def by_mount_2() -> list[Config]:
    """`iversion` is known to mount(2) alone."""
    options = ["iversion", "nosuid", "noexec", "ro"]
    return [{"destination": "/volume/target", "type": "tmpfs", "source": SOURCE, "options": options}]


def remounted() -> list[Config]:
    new = {"destination": "/volume/target", "type": "tmpfs", "source": SOURCE, "options": ["noexec"]}
    return [new, {"destination": "/volume/target", "options": ["remount", "ro", "noexec"]}]


def changed() -> list[Config]:
    new = {"destination": "/volume/target", "type": "tmpfs", "source": SOURCE, "options": ["ro", "noexec"]}
    return [new, {"destination": "/volume/target", "options": ["unbindable"]}]


@pytest.mark.beyond_runc("runc 1.1 looks paths up again")
@pytest.mark.parametrize("entries", [ro_tmpfs, by_mount_2, remounted, changed])
@pytest.mark.usefixtures("volume")
def test_flags_reach_the_mount_that_was_made(runtime: Runtime, bundle: Bundle, entries: object) -> None:
    assert callable(entries)
    bundle.config["mounts"] += entries()
    made = 0
    for _ in range(TRIES):
        name = runtime.add(bundle)
        result = runtime.call("create", "--bundle", str(bundle.path), name)
        assert "Traceback" not in result.stderr
        if result.status != 0:
            assert "leads it to /dev" in result.stderr, result.stderr
            continue
        made += 1
        mounts = all_mounts(runtime, name)
        found = [entry for entry in mounts if entry.source == SOURCE]
        assert len(found) == 1, found
        assert {"ro", "noexec"} <= found[0].options
        if entries is changed:
            assert "unbindable" in found[0].propagation
        devices = next(entry for entry in mounts if entry.point == "/dev")
        assert "rw" in devices.options and "noexec" not in devices.options and not devices.propagation
        runtime.expect("delete", "--force", name)
    assert made, "no container was made: nothing has been tried"
