"""config.md, Mounts: bind and rbind."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import sandbox
from helpers.bundle import Bundle
from helpers.runtime import Runtime


@pytest.fixture
def source(scratch: Path) -> Iterator[Path]:
    """A folder with a fact and, at `sub`, a mount with another."""
    folder = scratch / "source"
    (folder / "sub").mkdir(parents=True)
    (folder / "fact").write_text("outer")
    sandbox.mount("-t", "tmpfs", "tmpfs", folder / "sub")
    (folder / "sub/fact").write_text("inner")
    yield folder
    sandbox.unmount(folder / "sub")


def test_bind_shows_a_folder(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.bind(source, "/mnt")
    assert runtime.sh(bundle, "cat /mnt/fact") == "outer"


def test_bind_shows_a_file(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.bind(source / "fact", "/etc/fact")
    assert runtime.sh(bundle, "cat /etc/fact") == "outer"


@pytest.mark.beyond_runc("runc 1.1 makes a program; later ones have the umask of the caller in it")
@pytest.mark.parametrize("umask", [0, 0o077])
def test_the_place_of_a_file_is_no_program(runtime: Runtime, bundle: Bundle, source: Path, umask: int) -> None:
    bundle.bind(source / "fact", "/new/fact")
    result = runtime.run(bundle, preexec=lambda: os.umask(umask))
    assert result.status == 0, result.stderr
    assert stat.S_IMODE((bundle.rootfs / "new/fact").stat().st_mode) == 0o644
    assert stat.S_IMODE((bundle.rootfs / "new").stat().st_mode) == 0o755


def test_bind_covers_a_file(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.bind(source / "fact", "/etc/passwd")
    assert runtime.sh(bundle, "cat /etc/passwd") == "outer"


def test_bind_does_not_show_what_is_mounted_below(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.bind(source, "/mnt")
    assert runtime.sh(bundle, "ls /mnt/sub") == ""


def test_rbind_shows_what_is_mounted_below(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.bind(source, "/mnt", how="rbind")
    assert runtime.sh(bundle, "cat /mnt/sub/fact") == "inner"


def test_type_bind_is_a_bind_mount(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.mount("/mnt", "bind", ["bind"], source=str(source))
    assert runtime.sh(bundle, "cat /mnt/fact") == "outer"


def test_a_relative_source_is_relative_to_the_bundle(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.path / "data").mkdir()
    (bundle.path / "data/fact").write_text("beside the rootfs")
    bundle.bind("data", "/mnt")
    assert runtime.sh(bundle, "cat /mnt/fact") == "beside the rootfs"


def test_a_write_goes_through(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.bind(source, "/mnt")
    runtime.sh(bundle, "echo changed > /mnt/fact")
    assert (source / "fact").read_text() == "changed\n"


def test_read_only_bind(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.bind(source, "/mnt", "ro")
    assert "Read-only file system" in runtime.sh(bundle, "touch /mnt/fact 2>&1 || true")
    (source / "fact").write_text("the source stays writable")


@pytest.mark.parametrize("where, what", [("/mnt", "file"), ("/etc/passwd", "folder")])
def test_a_file_on_a_folder_and_a_folder_on_a_file(
    runtime: Runtime, bundle: Bundle, source: Path, where: str, what: str
) -> None:
    bundle.bind(source / "fact" if what == "file" else source, where)
    words = runtime.refuses(bundle)
    assert "not a directory" in words  # docker and podman look for it, and add a hint
    assert "mount mount" not in words


# A link at the destination, and where in the rootfs the mount has to appear.
LINKS = {
    "dangling": ("/missing/target", "/missing/target"),
    "relative": ("../missing", "/missing"),
    "above the root": ("../../../../missing", "/missing"),
    "chain": ("next", "/end"),
    "existing": ("passwd", "/etc/passwd"),
}


@pytest.mark.parametrize("how", LINKS)
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_at_the_destination_is_followed_inside(
    runtime: Runtime, bundle: Bundle, source: Path, how: str, what: str
) -> None:
    target, place = LINKS[how]
    if how == "existing" and what == "folder":
        target, place = "/mnt", "/mnt"
    (bundle.rootfs / "etc/link").symlink_to(target)
    (bundle.rootfs / "etc/next").symlink_to("/end")
    bundle.bind(source / "fact" if what == "file" else source, "/etc/link")
    fact = place if what == "file" else f"{place}/fact"
    assert runtime.sh(bundle, f"cat {fact}; test -L /etc/link") == "outer"


def test_links_in_a_circle_are_refused(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    (bundle.rootfs / "one").symlink_to("two")
    (bundle.rootfs / "two").symlink_to("one")
    bundle.bind(source / "fact", "/one")
    assert "ELOOP" in runtime.refuses(bundle) if runtime.is_pyoci else runtime.refuses(bundle)


def test_what_is_mounted_inside_stays_inside(runtime: Runtime, bundle: Bundle, source: Path) -> None:
    bundle.bind(source, "/mnt")
    bundle.mount("/mnt/sub", "tmpfs")
    runtime.create(bundle)
    assert (source / "sub/fact").read_text() == "inner"


def test_a_source_that_does_not_exist_is_refused(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.bind(scratch / "nowhere", "/mnt")
    assert "nowhere" in runtime.refuses(bundle)
