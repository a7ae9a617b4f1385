"""What hides a file is the host's null device: root in the container must not change that file of the host.

Without a user namespace CAP_FOWNER and CAP_CHOWN, which docker gives to every container, are rights over the inode
itself: `chmod 600 /proc/keys` would take /dev/null from everybody on the host.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import error_of, inside
from helpers.runtime import Runtime

NULL = Path("/dev/null")
CHANGES: dict[str, Callable[[str], object]] = {
    "mode": lambda path: os.chmod(path, 0o600),
    "owner": lambda path: os.chown(path, 7, 7),
    "times": lambda path: os.utime(path, (0, 0)),
    "attribute": lambda path: os.setxattr(path, "trusted.pyoci", b"x"),
}


@pytest.fixture(autouse=True)
def null_as_it_was() -> Iterator[None]:
    before = NULL.stat()
    yield
    os.chmod(NULL, before.st_mode)
    os.chown(NULL, before.st_uid, before.st_gid)


def test_root_in_a_container_cannot_change_the_null_device(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "etc/secret").write_text("secret")
    bundle.linux["maskedPaths"] = ["/proc/version", "/etc/secret", "/proc/acpi"]
    every = ["CAP_FOWNER", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN"]
    bundle.process["capabilities"] = dict.fromkeys(("bounding", "permitted", "effective"), every)
    bundle.sleeps()
    before = NULL.stat()
    container = runtime.add(bundle)
    runtime.expect("create", "--bundle", str(bundle.path), container)
    pid = runtime.state(container)["pid"]

    def attack() -> dict[tuple[str, str], int]:
        errors = {}
        for path in ("/proc/version", "/etc/secret"):
            for name, change in CHANGES.items():
                errors[path, name] = error_of(functools.partial(change, path))
        return errors

    errors = inside(pid, attack)
    after = NULL.stat()
    assert all(errors.values()), errors
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_the_mask_can_be_written_to(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "etc/secret").write_text("secret")
    bundle.linux["maskedPaths"] = ["/proc/version", "/etc/secret"]
    script = "for f in /proc/version /etc/secret; do echo word >$f && cat $f && echo done; done"
    assert runtime.sh(bundle, script).split() == ["done", "done"]


def test_the_mask_receives_nothing_from_the_host(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["maskedPaths"] = ["/proc/version", "/proc/uptime"]
    lines = [line.split() for line in runtime.sh(bundle, "cat /proc/self/mountinfo").splitlines()]
    fields = {words[4]: words[6] for words in lines}
    assert {fields["/proc/version"], fields["/proc/uptime"]} == {"-"}
