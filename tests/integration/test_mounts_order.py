"""config.md, Mounts: entries are mounted in the listed order, at destinations beneath the root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def test_a_later_entry_lies_inside_an_earlier_one(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    (scratch / "source").mkdir()
    (scratch / "source/fact").write_text("inner")
    bundle.mount("/mnt", "tmpfs")
    bundle.bind(scratch / "source", "/mnt/inner")
    assert runtime.sh(bundle, "cat /mnt/inner/fact") == "inner"


def test_a_later_entry_covers_an_earlier_one(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    (scratch / "source").mkdir()
    bundle.bind(scratch / "source", "/mnt/inner")
    bundle.mount("/mnt", "tmpfs")
    assert runtime.sh(bundle, "ls /mnt") == ""


def test_a_missing_mount_point_is_made(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/var/lib/deep/er", "tmpfs")
    assert "tmpfs" in runtime.sh(bundle, "grep ' /var/lib/deep/er ' /proc/mounts")


def test_a_missing_mount_point_of_a_file_is_a_file(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    (scratch / "file").write_text("a file")
    bundle.bind(scratch / "file", "/etc/deep/file")
    assert runtime.sh(bundle, "cat /etc/deep/file") == "a file"


def test_a_relative_destination_is_relative_to_the_root(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("mnt", "tmpfs")
    assert "tmpfs" in runtime.sh(bundle, "grep ' /mnt ' /proc/mounts")


def test_dots_in_a_destination_do_not_leave_the_root(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/../../mnt/../../mnt/x", "tmpfs")
    assert "tmpfs" in runtime.sh(bundle, "grep ' /mnt/x ' /proc/mounts")


@pytest.mark.parametrize("target", ["/mnt", "../../../../../../mnt", "../mnt"])
def test_a_symlink_is_followed_beneath_the_root(runtime: Runtime, bundle: Bundle, target: str) -> None:
    (bundle.rootfs / "etc/link").symlink_to(target)
    bundle.mount("/etc/link", "tmpfs")
    assert "tmpfs" in runtime.sh(bundle, "grep ' /mnt ' /proc/mounts")


def test_missing_folders_behind_a_symlink_are_made_beneath_the_root(
    runtime: Runtime, bundle: Bundle, scratch: Path
) -> None:
    outside = scratch / "outside"
    outside.mkdir()
    (bundle.rootfs / "etc/link").symlink_to(outside)
    bundle.mount("/etc/link/deep", "tmpfs")
    runtime.run(bundle)  # it may refuse the dangling link, or make the folders inside
    assert list(outside.iterdir()) == []


def test_an_unknown_file_system_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/mnt", "wombatfs")
    assert "wombatfs" in runtime.refuses(bundle)


def test_options_that_the_file_system_refuses(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/mnt", "tmpfs", ["colour=blue"])
    assert "/mnt" in runtime.refuses(bundle)


@pytest.mark.beyond_runc("runc ignores the label where there is no SELinux")
def test_a_mount_label_needs_selinux(runtime: Runtime, bundle: Bundle) -> None:
    if Path("/sys/fs/selinux/enforce").exists():
        pytest.skip("this kernel has SELinux")
    bundle.linux["mountLabel"] = "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811"
    bundle.mount("/mnt", "tmpfs")
    assert "mountLabel" in runtime.refuses(bundle)


@pytest.mark.beyond_runc("runc takes the rootfs' own path off the destination")
def test_a_destination_is_never_a_path_of_the_host(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount(f"{bundle.rootfs}/mnt", "tmpfs")
    assert f"{bundle.rootfs}/mnt" in runtime.create(bundle).mounts()


@pytest.mark.beyond_runc("runc 1.1 makes only /dev read-only at last")
def test_a_read_only_tmpfs_has_its_mount_points_and_devices(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/opt", "tmpfs", ["ro"])
    bundle.mount("/opt/inner/deep", "tmpfs")
    bundle.linux["devices"] = [{"path": "/opt/null", "type": "c", "major": 1, "minor": 3}]
    bundle.process["cwd"] = "/opt/cwd"
    assert runtime.sh(bundle, "ls /opt; touch /opt/x 2>/dev/null || echo refused") == "cwd\ninner\nnull\nrefused"


@pytest.mark.parametrize("how", ["root", "readonlyPaths", "both"])
@pytest.mark.parametrize("user_namespace", [False, True])
def test_a_missing_working_directory_is_made_before_anything_is_read_only(
    runtime: Runtime, bundle: Bundle, how: str, user_namespace: bool
) -> None:
    if not runtime.is_pyoci and how != "root":
        pytest.skip("runc 1.1 leaves the root writable")
    bundle.config["root"]["readonly"] = how != "readonlyPaths"
    bundle.linux["readonlyPaths"] = [] if how == "root" else ["/", "/srv"]
    bundle.process["cwd"] = "/srv/deep/cwd"
    if user_namespace:
        bundle.user_namespace()
    assert runtime.sh(bundle, "pwd; touch x 2>/dev/null || echo refused") == "/srv/deep/cwd\nrefused"


@pytest.mark.beyond_runc("runc 1.1 forgets what the tmpfs was told")
@pytest.mark.parametrize(
    "options, owner",
    [([], "7:8:750"), (["uid=1"], "1:8:750"), (["gid=2", "mode=711"], "7:2:711"), (["uid=1", "gid=2"], "1:2:750")],
)
def test_tmpcopyup_leaves_the_owner_to_the_options(
    runtime: Runtime, bundle: Bundle, options: list[str], owner: str
) -> None:
    (bundle.rootfs / "mnt/fact").write_text("copied")
    os.chown(bundle.rootfs / "mnt", 7, 8)
    (bundle.rootfs / "mnt").chmod(0o750)
    bundle.mount("/mnt", "tmpfs", ["tmpcopyup", *options])
    assert runtime.sh(bundle, "stat -c %u:%g:%a /mnt; cat /mnt/fact") == f"{owner}\ncopied"
