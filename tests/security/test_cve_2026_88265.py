"""CVE-2026-88265 (crun): /dev/null of the image is a link; what it names becomes a standard stream and the user's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.hostile import Outside
from helpers.runtime import TIME_LIMIT, Runtime


def close_all() -> None:
    for number in range(3):
        os.close(number)


@pytest.mark.parametrize("caller", [None, close_all], ids=["null", "closed"])
@pytest.mark.parametrize("uid", [0, 1000])
def test_the_streams_are_not_the_images(
    runtime: Runtime, bundle: Bundle, outside: Outside, caller: Callable[[], None] | None, uid: int
) -> None:
    bundle.config["mounts"] = [
        entry for entry in bundle.config["mounts"] if not entry["destination"].startswith("/dev")
    ]
    bundle.bind(outside.path, "/host")
    (bundle.rootfs / "dev/null").symlink_to("/host/secret")
    bundle.process["user"] = {"uid": uid, "gid": uid}
    bundle.sleeps()
    name = runtime.add(bundle)
    words = ("run", "--detach", "--bundle", str(bundle.path), name)
    streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    status = runtime.popen(*words, **streams, preexec_fn=caller).wait(TIME_LIMIT)
    if status == 0:
        pid = runtime.state(name)["pid"]
        opened = {os.stat(f"/proc/{pid}/fd/{entry}").st_ino for entry in os.listdir(f"/proc/{pid}/fd")}
        assert outside.file.stat().st_ino not in opened
    outside.check()


def test_exec(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    bundle.bind(outside.path, "/host")
    bundle.sleeps()
    container = runtime.start(bundle)
    container.exec("sh", "-c", "rm /dev/null; ln -s /host/secret /dev/null")
    assert os.path.islink(container.path("/dev/null"))
    words = ("exec", "--user", "1000:1000", container.id, "sh", "-c", "echo evil; readlink /proc/self/fd/*")
    for caller in (None, close_all):
        streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        runtime.popen(*words, **streams, preexec_fn=caller).wait(TIME_LIMIT)
    outside.check()
