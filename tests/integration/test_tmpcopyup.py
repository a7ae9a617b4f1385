"""config.md, Linux mount options: tmpcopyup."""

from __future__ import annotations

import os

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
