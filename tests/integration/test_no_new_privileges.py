"""config.md, Linux Process: noNewPrivileges."""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


@pytest.mark.parametrize("value, shown", [(True, "1"), (False, "0"), (None, "0")])
def test_the_bit(runtime: Runtime, bundle: Bundle, value: bool | None, shown: str) -> None:
    bundle.process["noNewPrivileges"] = value
    if value is None:
        del bundle.process["noNewPrivileges"]
    assert runtime.sh(bundle, "grep NoNewPrivs /proc/self/status").split()[1] == shown


@pytest.mark.parametrize("value, user", [(True, "1000"), (False, "0")])
def test_a_setuid_program(runtime: Runtime, bundle: Bundle, value: bool, user: str) -> None:
    (bundle.rootfs / "suid").mkdir()
    (bundle.rootfs / "suid/busybox").write_bytes((bundle.rootfs / "bin/busybox").read_bytes())
    (bundle.rootfs / "suid/busybox").chmod(0o4755)
    bundle.process["noNewPrivileges"] = value
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    assert runtime.sh(bundle, "/suid/busybox grep ^Uid /proc/self/status").split()[2] == user
