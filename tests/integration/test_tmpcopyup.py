"""config.md, Linux mount options: tmpcopyup."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def fill(bundle: Bundle) -> None:
    folder = bundle.rootfs / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "fact").write_text("copied")
    (folder / "deep/tool").write_text("tool")
    (folder / "deep/tool").chmod(0o4751)
    (folder / "link").symlink_to("fact")
    os.chown(folder / "fact", 1000, 1001)
    bundle.mount("/data", "tmpfs", ["tmpcopyup"])


def test_contents_are_copied(runtime: Runtime, bundle: Bundle) -> None:
    fill(bundle)
    words = runtime.sh(bundle, "cat /data/fact; echo; stat -c %u:%g:%a /data/fact; stat -c %a /data/deep/tool")
    assert words.split() == ["copied", "1000:1001:644", "4751"]


def test_links_stay_links(runtime: Runtime, bundle: Bundle) -> None:
    fill(bundle)
    assert runtime.sh(bundle, "readlink /data/link") == "fact"


def test_it_is_a_tmpfs(runtime: Runtime, bundle: Bundle) -> None:
    fill(bundle)
    assert runtime.create(bundle).mounts()["/data"].kind == "tmpfs"


def test_the_source_stays_as_it_is(runtime: Runtime, bundle: Bundle) -> None:
    fill(bundle)
    runtime.sh(bundle, "echo changed > /data/fact; rm -r /data/deep")
    assert (bundle.rootfs / "data/fact").read_text() == "copied"
    assert (bundle.rootfs / "data/deep/tool").exists()


def test_a_mode_of_its_own_is_kept(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/etc", "tmpfs", ["tmpcopyup", "mode=711"])
    assert runtime.sh(bundle, "stat -c %a /etc; ls /etc/passwd").split() == ["711", "/etc/passwd"]


@pytest.mark.parametrize("users", ["same", "mapped"])
def test_a_tree_deeper_than_a_path(runtime: Runtime, bundle: Bundle, users: str) -> None:
    """An image may nest folders beyond PATH_MAX and beyond the limit of descriptors."""
    depth, owner = 2500, 0
    if users == "mapped":
        owner = 100000
        bundle.user_namespace(owner)
    bundle.mount("/data", "tmpfs", ["tmpcopyup"])
    (bundle.rootfs / "data").mkdir()
    here = os.getcwd()
    try:
        os.chdir(bundle.rootfs / "data")
        for _ in range(depth):
            os.mkdir("d")
            os.chown("d", owner, owner)
            os.chdir("d")
        Path("fact").write_text("copied")
        os.chown("fact", owner, owner)
        container = runtime.create(bundle)
        os.chdir(container.path("/data"))
        for _ in range(depth):
            os.chdir("d")
        assert Path("fact").read_text() == "copied"
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", bundle.rootfs / "data"], check=True)


def test_every_kind_of_file(runtime: Runtime, bundle: Bundle) -> None:
    """A FIFO is not waited for, a device is not read, and of two names for a file each has its content."""
    fill(bundle)
    folder = bundle.rootfs / "data"
    os.mkfifo(folder / "fifo")
    os.mknod(folder / "zero", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
    os.link(folder / "fact", folder / "deep/other")
    names = "/data/fifo /data/zero /data/socket /data/deep/other"
    assert runtime.sh(bundle, f"stat -c %F {names}").splitlines() == [
        "fifo",
        "character special file",
        "socket",
        "regular file",
    ]
