"""config-linux.md, Readonly Paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def test_a_file(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "etc/fact").write_text("fixed")
    bundle.linux["readonlyPaths"] = ["/etc/fact"]
    words = runtime.sh(bundle, "(echo changed > /etc/fact) 2>&1 || true; cat /etc/fact")
    assert "Read-only file system" in words
    assert words.endswith("fixed")


def test_a_folder(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["readonlyPaths"] = ["/etc"]
    assert "Read-only file system" in runtime.sh(bundle, "touch /etc/new 2>&1 || true")


def test_the_rest_stays_writable(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["readonlyPaths"] = ["/etc"]
    runtime.sh(bundle, "touch /tmp/new /new")


def test_proc_sys(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["readonlyPaths"] = ["/proc/sys"]
    words = runtime.sh(bundle, "(echo 1 > /proc/sys/net/ipv4/ip_forward) 2>&1 || true")
    assert "Read-only file system" in words


def test_the_flags_of_the_mount_are_kept(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/mnt", "tmpfs", ["nosuid", "nodev", "noexec"])
    bundle.bind(Path("/etc/passwd"), "/mnt/fact")
    bundle.linux["readonlyPaths"] = ["/mnt"]
    assert {"ro", "nosuid", "nodev", "noexec"} <= runtime.create(bundle).mounts()["/mnt"].options


def test_a_path_that_does_not_exist_is_no_error(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["readonlyPaths"] = ["/nowhere/at/all"]
    assert runtime.sh(bundle, "ls -d /nowhere 2>/dev/null || echo none") == "none"


@pytest.mark.beyond_runc("runc takes a relative path as one from the root")
def test_a_relative_path_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["readonlyPaths"] = ["etc"]
    assert "readonlyPaths" in runtime.refuses(bundle)


@pytest.mark.parametrize("options, path", [(["unbindable"], "/mnt/in"), (["unbindable"], "/mnt")])
def test_a_path_in_an_unbindable_mount_is_named(
    runtime: Runtime, bundle: Bundle, options: list[str], path: str
) -> None:
    bundle.mount("/mnt", "tmpfs", options)
    bundle.mount("/mnt/in/deep", "tmpfs")
    bundle.linux["readonlyPaths"] = [path]
    message = runtime.refuses(bundle)
    assert path in message
    if runtime.is_pyoci:
        assert "unbindable" in message


@pytest.mark.beyond_runc("runc follows it")
@pytest.mark.parametrize("kind", ["readonlyPaths", "maskedPaths"])
@pytest.mark.parametrize("path", ["/dev/stdin", "/proc/self/fd/0", "/proc/self/root/etc", "/link"])
def test_a_path_through_a_link_of_procfs_is_refused(runtime: Runtime, bundle: Bundle, kind: str, path: str) -> None:
    (bundle.rootfs / "link").symlink_to("/proc/self/cwd")
    bundle.linux[kind] = [path]
    assert path in runtime.refuses(bundle)
