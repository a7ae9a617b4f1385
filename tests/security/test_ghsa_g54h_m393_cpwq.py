"""GHSA-g54h-m393-cpwq (runc): without rules for devices, every device is allowed."""

from __future__ import annotations

import os
import stat
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

CANDIDATES = ["/dev/loop-control", "/dev/fuse", "/dev/net/tun", "/dev/kmsg", "/dev/rtc0", "/dev/vcs", "/dev/hwrng"]


def numbers() -> tuple[int, int]:
    """A device that root on the host can open, and that is not one of a container's own."""
    for path in CANDIDATES:
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            continue
        facts = os.stat(path)
        if stat.S_ISCHR(facts.st_mode):
            return os.major(facts.st_rdev), os.minor(facts.st_rdev)
    pytest.skip("no device to try here")


def opened(runtime: Runtime, bundle: Bundle) -> str:
    major, minor = numbers()
    script = (
        f"mknod /tmp/device c {major} {minor} && dd if=/tmp/device of=/dev/null bs=1 count=0 2>/dev/null && echo opened"
    )
    bundle.process["capabilities"]["bounding"].append("CAP_SYSLOG")
    bundle.sh(f"({script}) || echo refused")
    result = runtime.run(bundle)
    return result.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("resources", [None, {}, {"devices": []}, {"devices": None}, {"pids": {"limit": 100}}])
def test_none_is_allowed(runtime: Runtime, bundle: Bundle, resources: dict[str, Any] | None) -> None:
    if resources is None:
        bundle.linux.pop("resources", None)
    else:
        bundle.linux["resources"] = {key: value for key, value in resources.items() if value is not None}
    assert opened(runtime, bundle) == "refused"


def test_it_is_the_rules_that_refuse(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"] = {"devices": [{"allow": True, "access": "rwm"}]}
    assert opened(runtime, bundle) == "opened"
