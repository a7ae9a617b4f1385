"""config-linux.md, Masked Paths."""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def test_a_file_is_empty(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "etc/secret").write_text("secret")
    bundle.linux["maskedPaths"] = ["/etc/secret", "/proc/version"]
    assert runtime.sh(bundle, "cat /etc/secret /proc/version") == ""


def test_a_folder_is_empty_and_read_only(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "secrets").mkdir()
    (bundle.rootfs / "secrets/one").write_text("secret")
    bundle.linux["maskedPaths"] = ["/secrets"]
    words = runtime.sh(bundle, "ls -A /secrets; touch /secrets/two 2>&1 || true")
    assert words.endswith("Read-only file system")
    assert "one" not in words


def test_a_mask_cannot_be_lifted(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "etc/secret").write_text("secret")
    bundle.linux["maskedPaths"] = ["/etc/secret"]
    assert "secret" not in runtime.sh(bundle, "umount /etc/secret 2>/dev/null || true; cat /etc/secret")


def test_a_path_that_does_not_exist_is_no_error(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["maskedPaths"] = ["/nowhere/at/all"]
    assert runtime.sh(bundle, "ls -d /nowhere 2>/dev/null || echo none") == "none"


def test_many_paths(runtime: Runtime, bundle: Bundle) -> None:
    names = [f"secret{number}" for number in range(50)]
    for name in names:
        (bundle.rootfs / "etc" / name).write_text(name)
    bundle.linux["maskedPaths"] = [f"/etc/{name}" for name in names]
    assert runtime.sh(bundle, "cat /etc/secret*") == ""


def test_what_a_link_in_the_container_names_is_masked_inside(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "etc/secret").write_text("secret")
    (bundle.rootfs / "link").symlink_to("/etc/secret")
    bundle.linux["maskedPaths"] = ["/link"]
    assert runtime.sh(bundle, "cat /link /etc/secret") == ""


ROOTS = ["/", "//", "/.", "/link", "/etc/.."]


@pytest.mark.beyond_runc("runc mounts what hides nothing")
@pytest.mark.parametrize("path", ROOTS)
def test_the_root_cannot_be_masked(runtime: Runtime, bundle: Bundle, path: str) -> None:
    (bundle.rootfs / "link").symlink_to("/")
    bundle.linux["maskedPaths"] = [path]
    assert "it leads to the root, which cannot be masked" in runtime.refuses(bundle)


@pytest.mark.beyond_runc("in runc some of them leave the root writable for exec, or for both")
@pytest.mark.parametrize("path", ROOTS)
@pytest.mark.parametrize("command", ["run", "exec"])
def test_the_root_can_be_read_only(runtime: Runtime, bundle: Bundle, path: str, command: str) -> None:
    (bundle.rootfs / "link").symlink_to("/")
    bundle.linux["readonlyPaths"] = [path]
    script = "touch /new 2>&1 || true"
    if command == "run":
        assert runtime.sh(bundle, script).endswith("Read-only file system")
    else:
        bundle.sleeps()
        result = runtime.expect("exec", runtime.start(bundle).id, "/bin/sh", "-c", script)
        assert result.stdout.strip().endswith("Read-only file system")


@pytest.mark.beyond_runc("runc takes a relative path as one from the root")
def test_a_relative_path_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["maskedPaths"] = ["etc/secret"]
    assert "maskedPaths" in runtime.refuses(bundle)
