"""config.md, Process: cwd."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def test_cwd(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["cwd"] = "/etc"
    assert runtime.sh(bundle, "readlink /proc/self/cwd") == "/etc"


def test_a_missing_one_is_made(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["cwd"] = "/srv/deep/er"
    assert runtime.sh(bundle, "readlink /proc/self/cwd") == "/srv/deep/er"
    assert (bundle.rootfs / "srv/deep/er").is_dir()


def test_it_may_lie_in_a_mount(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    (scratch / "source/sub").mkdir(parents=True)
    bundle.bind(scratch / "source", "/mnt")
    bundle.process["cwd"] = "/mnt/sub"
    assert runtime.sh(bundle, "readlink /proc/self/cwd") == "/mnt/sub"


def test_a_link_is_followed_inside(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "link").symlink_to("/etc")
    bundle.process["cwd"] = "/link"
    assert runtime.sh(bundle, "readlink /proc/self/cwd") == "/etc"


def test_a_folder_that_only_the_user_may_enter(runtime: Runtime, bundle: Bundle) -> None:
    folder = bundle.rootfs / "home/alice"
    folder.mkdir(mode=0o700)
    os.chown(folder, 1000, 1000)
    bundle.process.update(cwd="/home/alice", user={"uid": 1000, "gid": 1000}, capabilities={})
    assert runtime.sh(bundle, "pwd") == "/home/alice"


def test_a_relative_one_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["cwd"] = "etc"
    assert "cwd" in runtime.refuses(bundle).lower()


def test_a_file_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["cwd"] = "/etc/passwd"
    runtime.refuses(bundle)


@pytest.mark.parametrize("number", [3, 7, 8, 12])
def test_a_descriptor_of_the_runtime_is_no_way_out(runtime: Runtime, bundle: Bundle, number: int) -> None:
    bundle.process["cwd"] = f"/proc/self/fd/{number}"
    bundle.sh("ls -d /proc/self/cwd/../../../../work 2>/dev/null || echo in")
    result = runtime.run(bundle)
    assert result.status != 0 or (result.stdout.strip() == "in" and not runtime.is_pyoci)
