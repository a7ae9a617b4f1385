"""CVE-2022-29162, CVE-2022-24769: inheritable capabilities that nobody asked for.

A file of the image with inheritable file capabilities gives them to every user.
"""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

VFS_CAP_REVISION_2 = 0x02000000
CHOWN = 0
PRINT = "grep -h ^Cap /proc/self/status"


def sets(text: str) -> dict[str, int]:
    return {name: int(value, 16) for name, value in (line.split(":\t") for line in text.split("\n") if "\t" in line)}


@pytest.fixture(autouse=True)
def gift(bundle: Bundle) -> Path:
    """A busybox that gives CAP_CHOWN to those who have it inheritable."""
    path = bundle.rootfs / "gift/busybox"
    path.parent.mkdir()
    shutil.copy2(bundle.rootfs / "bin/busybox", path)
    everything = 0xFFFFFFFF
    value = struct.pack("<IIIII", VFS_CAP_REVISION_2, 0, everything, 0, everything)
    try:
        os.setxattr(path, "security.capability", value)
    except OSError as error:
        pytest.skip(f"no file capabilities here: {error}")
    return path


@pytest.mark.parametrize("uid", [0, 1000])
def test_none_by_default(runtime: Runtime, bundle: Bundle, uid: int) -> None:
    bundle.process["user"] = {"uid": uid, "gid": uid}
    found = sets(runtime.sh(bundle, PRINT))
    assert found["CapInh"] == found["CapAmb"] == 0


def test_a_file_of_the_image_gives_none(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["noNewPrivileges"] = False
    found = sets(runtime.sh(bundle, "/gift/busybox grep -h ^Cap /proc/self/status"))
    assert found["CapPrm"] == found["CapEff"] == 0


def test_a_file_of_the_image_gives_those_that_are_asked_for(runtime: Runtime, bundle: Bundle) -> None:
    """The attack would be noticed."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["noNewPrivileges"] = False
    bundle.process["capabilities"]["inheritable"] = ["CAP_CHOWN"]
    found = sets(runtime.sh(bundle, "/gift/busybox grep -h ^Cap /proc/self/status"))
    assert found["CapPrm"] == 1 << CHOWN


@pytest.mark.parametrize("options", [(), ("--cap", "CAP_CHOWN"), ("--cap", "CAP_NET_ADMIN", "--user", "1000:1000")])
def test_exec(runtime: Runtime, bundle: Bundle, options: tuple[str, ...]) -> None:
    bundle.process["noNewPrivileges"] = False
    bundle.sleeps()
    container = runtime.start(bundle)
    found = sets(runtime.expect("exec", *options, container.id, "sh", "-c", PRINT).stdout)
    assert found["CapInh"] == 0
    as_user = ("--user", "1000:1000") if "--user" not in options else ()
    gifted = runtime.expect(
        "exec", *options, *as_user, container.id, "/gift/busybox", "grep", "-h", "^Cap", "/proc/self/status"
    )
    assert sets(gifted.stdout)["CapPrm"] & 1 << CHOWN == 0


def test_the_template_asks_for_none(runtime: Runtime, scratch: Path) -> None:
    import json

    (scratch / "template").mkdir()
    for options in ((), ("--rootless",)):
        runtime.expect("spec", *options, "--bundle", str(scratch / "template"))
        path = scratch / "template/config.json"
        capabilities = json.loads(path.read_text())["process"]["capabilities"]
        assert not capabilities.get("inheritable") and not capabilities.get("ambient")
        path.unlink()
