"""config.md, Linux Process: noNewPrivileges."""

from __future__ import annotations

import os
import struct

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

# struct vfs_cap_data, linux/capability.h: revision 2 with the effective bit; CAP_CHOWN is number 0.
CAP_CHOWN_EP = struct.pack("<5I", 0x02000001, 1, 0, 0, 0)


@pytest.mark.parametrize("value, shown", [(True, "1"), (False, "0"), (None, "0")])
def test_the_bit(runtime: Runtime, bundle: Bundle, value: bool | None, shown: str) -> None:
    bundle.process["noNewPrivileges"] = value
    if value is None:
        del bundle.process["noNewPrivileges"]
    assert runtime.sh(bundle, "grep NoNewPrivs /proc/self/status").split()[1] == shown


@pytest.mark.parametrize("value, gained", [(True, 0), (False, 1)])
def test_a_program_with_file_capabilities(runtime: Runtime, bundle: Bundle, value: bool, gained: int) -> None:
    # Not a setuid program: busybox drops what it gets from that.
    os.setxattr(bundle.rootfs / "bin/busybox", "security.capability", CAP_CHOWN_EP)
    bundle.process["noNewPrivileges"] = value
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = {"bounding": ["CAP_CHOWN"]}
    assert int(runtime.sh(bundle, "grep CapEff /proc/self/status").split()[1], 16) == gained
