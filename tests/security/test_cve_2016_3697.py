"""CVE-2016-3697: an image names a user after a number, and gives that name the ID 0."""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

HOSTILE = "1000:x:0:0:evil:/evil:/bin/sh\n4242:x:0:0:evil:/evil:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\n"
PRINT = "id -u; id -g; id -G; echo $HOME; grep -h ^CapEff /proc/self/status"


@pytest.fixture(autouse=True)
def passwd(bundle: Bundle) -> None:
    (bundle.rootfs / "etc/passwd").write_text(HOSTILE)
    (bundle.rootfs / "etc/group").write_text("1000:x:0:\n4242:x:0:1000,4242\n")


@pytest.mark.parametrize("uid", [1000, 4242])
def test_process_user(runtime: Runtime, bundle: Bundle, uid: int) -> None:
    bundle.process["user"] = {"uid": uid, "gid": uid}
    bundle.process["env"] = ["PATH=/bin"]
    words = runtime.sh(bundle, PRINT).split()
    assert words == [str(uid)] * 3 + ["/", "CapEff:", "0" * 16]


@pytest.mark.parametrize("user", ["1000", "4242", "1000:4242"])
def test_exec_user(runtime: Runtime, bundle: Bundle, user: str) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    result = runtime.expect("exec", "--user", user, container.id, "sh", "-c", PRINT)
    uid, _, gid = user.partition(":")
    assert result.stdout.split()[:3] == [uid, gid or "0", gid or "0"]
    assert result.stdout.split()[-1] == "0" * 16
