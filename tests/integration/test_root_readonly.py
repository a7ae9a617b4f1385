"""config.md, Root: path and readonly."""

from __future__ import annotations

import pytest
from helpers import sandbox
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def test_the_root_is_that_folder(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "etc/fact").write_text("of this bundle")
    assert runtime.sh(bundle, "cat /etc/fact") == "of this bundle"


def test_path_may_be_absolute(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["root"]["path"] = str(bundle.rootfs)
    assert runtime.sh(bundle, "echo in") == "in"


@pytest.mark.beyond_runc("runc refuses a link")
@pytest.mark.parametrize("target", ["rootfs", "absolute"])
def test_path_may_be_a_link(runtime: Runtime, bundle: Bundle, target: str) -> None:
    (bundle.path / "link").symlink_to(bundle.rootfs if target == "absolute" else target)
    bundle.config["root"]["path"] = "link"
    assert runtime.sh(bundle, "echo in > /etc/fact; cat /etc/fact") == "in"
    assert (bundle.rootfs / "etc/fact").read_text() == "in\n"


def test_the_bundle_is_the_working_directory_by_default(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sh("echo in")
    name = runtime.add(bundle)
    assert runtime.expect("run", name, cwd=bundle.path).stdout == "in\n"


def test_what_is_written_stays_in_the_folder(runtime: Runtime, bundle: Bundle) -> None:
    runtime.sh(bundle, "echo written > /etc/fact")
    assert (bundle.rootfs / "etc/fact").read_text() == "written\n"


def test_readonly(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["root"]["readonly"] = True
    bundle.sh("touch /etc/fact 2>&1 || true")
    assert "Read-only file system" in runtime.run(bundle).stdout


def test_readonly_root_has_writable_mounts(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["root"]["readonly"] = True
    bundle.mount("/tmp", "tmpfs")
    runtime.sh(bundle, "touch /tmp/fact /dev/shm/fact")


def test_readonly_leaves_the_folder_writable_outside(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["root"]["readonly"] = True
    runtime.create(bundle)
    (bundle.rootfs / "etc/fact").write_text("")


@pytest.mark.beyond_runc("runc clears them")
def test_readonly_keeps_the_flags_of_the_mount_that_it_lies_on(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["root"]["readonly"] = True
    with sandbox.mounted("--bind", str(bundle.rootfs), at=bundle.rootfs):
        sandbox.mount("-o", "remount,bind,nosuid,nodev", bundle.rootfs)
        assert {"ro", "nosuid", "nodev"} <= runtime.create(bundle).mounts()["/"].options


def test_a_folder_that_does_not_exist_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["root"]["path"] = "nowhere"
    assert "nowhere" in runtime.refuses(bundle)


def test_a_file_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.path / "file").write_text("")
    bundle.config["root"]["path"] = "file"
    runtime.refuses(bundle)


def test_without_root_it_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    del bundle.config["root"]
    assert "root" in runtime.refuses(bundle)


def test_no_pivot(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "etc/fact").write_text("of this bundle")
    assert runtime.sh(bundle, "cat /etc/fact; test ! -e /usr", "--no-pivot") == "of this bundle"


@pytest.mark.parametrize("options", [(), ("--no-pivot",)], ids=["pivot", "no-pivot"])
def test_the_machine_is_out_of_sight(runtime: Runtime, bundle: Bundle, options: tuple[str, ...]) -> None:
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["destination"] == "/proc"]
    bundle.linux["maskedPaths"], bundle.linux["readonlyPaths"] = [], []
    points = runtime.sh(bundle, "cut -d' ' -f5 /proc/self/mountinfo; ls -d /..", *options).split()
    assert points == ["/", "/proc", "/.."]
