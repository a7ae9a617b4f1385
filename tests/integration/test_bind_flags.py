"""Which flags a bind mount has in the end: its source's, its options', or what a user namespace leaves of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import sandbox
from helpers.bind_flags import ROWS, SHOWN
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("the rows are those of runc's main branch, which Debian's is too old for")

Source = Callable[[str], Path]


@pytest.fixture
def source(scratch: Path) -> Iterator[Source]:
    """A tmpfs with the given flags."""
    folder = scratch / "source"
    folder.mkdir()

    def make(flags: str) -> Path:
        words = [word for word in flags.split(",") if word not in ("rw", "relatime")]
        if not {"noatime", "relatime"} & set(flags.split(",")):
            words.append("strictatime")
        sandbox.mount("-t", "tmpfs", "-o", ",".join(words) or "rw", "tmpfs", folder)
        return folder

    yield make
    sandbox.unmount(folder)


@pytest.mark.parametrize("flags, options, expected", [row[:3] for row in ROWS])
def test_a_bind_mount(
    runtime: Runtime, bundle: Bundle, source: Source, flags: str, options: str, expected: str
) -> None:
    bundle.mount("/mnt", "none", options.split(","), source=str(source(flags)))
    assert runtime.create(bundle).mounts()["/mnt"].options & SHOWN == set(expected.split(","))


@pytest.mark.parametrize("flags, options, expected", [(row[0], row[1], row[3]) for row in ROWS])
def test_in_a_user_namespace(
    runtime: Runtime, bundle: Bundle, source: Source, flags: str, options: str, expected: str
) -> None:
    bundle.user_namespace()
    bundle.mount("/mnt", "none", options.split(","), source=str(source(flags)))
    if expected == "EPERM":
        assert "EPERM" in runtime.refuses(bundle)
    else:
        assert runtime.create(bundle).mounts()["/mnt"].options & SHOWN == set(expected.split(","))


def test_a_program_in_a_read_only_volume_of_a_noexec_folder_runs(
    runtime: Runtime, bundle: Bundle, source: Source
) -> None:
    folder = source("rw,noexec")
    (folder / "program").write_text("#!/bin/sh\necho ran\n")
    (folder / "program").chmod(0o755)
    bundle.bind(folder, "/mnt", "ro", how="rbind")
    assert runtime.sh(bundle, "/mnt/program") == "ran"


def test_the_source_keeps_its_own(runtime: Runtime, bundle: Bundle, source: Source) -> None:
    folder = source("rw,noexec,noatime")
    bundle.bind(folder, "/mnt", "ro", "nodev")
    runtime.create(bundle)
    table = Path("/proc/self/mounts").read_text()
    assert next(line for line in table.splitlines() if str(folder) in line).split()[3].startswith("rw,noexec,noatime")


def test_flags_of_mounts_below_are_their_own(runtime: Runtime, bundle: Bundle, source: Source) -> None:
    folder = source("rw")
    (folder / "sub").mkdir()
    sandbox.mount("-t", "tmpfs", "-o", "nosuid,noexec", "tmpfs", folder / "sub")
    bundle.bind(folder, "/mnt", "ro", how="rbind")
    options = runtime.create(bundle).mounts()["/mnt/sub"].options
    sandbox.unmount(folder / "sub")
    assert {"rw", "nosuid", "noexec"} <= options


RECURSIVE = [
    ("ro", "rrw"),
    ("nosuid", "rsuid"),
    ("nodev", "rdev"),
    ("noexec", "rexec"),
    ("noatime", "rrelatime"),
    ("relatime", "rnoatime"),
    ("nodiratime", "rdiratime"),
]


@pytest.mark.parametrize("flags, option", RECURSIVE)
def test_a_recursive_option_undoes_no_locked_flag(
    runtime: Runtime, bundle: Bundle, source: Source, flags: str, option: str
) -> None:
    bundle.user_namespace()
    bundle.bind(source(flags), "/mnt", option, how="rbind")
    assert "EPERM" in runtime.refuses(bundle)


@pytest.fixture
def below(source: Source) -> Iterator[Source]:
    """A tmpfs with another one below it, at `sub/deep`, that has the given flags."""
    places: list[Path] = []

    def make(flags: str) -> Path:
        folder = source("rw")
        place = folder / "sub/deep"
        place.mkdir(parents=True)
        sandbox.mount("-t", "tmpfs", "-o", flags, "tmpfs", place)
        places.append(place)
        return folder

    yield make
    for place in places:
        sandbox.unmount(place)


@pytest.mark.parametrize("flags, option", RECURSIVE)
@pytest.mark.parametrize("how", ["bind", "remount", "remount of a parent"])
def test_nor_of_a_mount_below(
    runtime: Runtime, bundle: Bundle, below: Source, flags: str, option: str, how: str
) -> None:
    bundle.user_namespace()
    place = "/mnt"
    if how == "remount of a parent":
        bundle.mount("/mnt", "tmpfs")
        place = "/mnt/in"
    bundle.bind(below(flags), place, *([option] if how == "bind" else []), how="rbind")
    if how != "bind":
        bundle.mount("/mnt", "none", ["remount", "bind", option], source="none")
    assert "EPERM" in runtime.refuses(bundle)


@pytest.mark.parametrize("options", [["rro", "rnosuid"], ["rrw", "rsuid", "rexec"], ["rrelatime"]])
def test_a_recursive_option_that_undoes_nothing_is_applied(
    runtime: Runtime, bundle: Bundle, below: Source, options: list[str]
) -> None:
    bundle.user_namespace()
    folder = below("nodev")
    sandbox.mount("-o", "remount,bind,relatime", folder)
    bundle.bind(folder, "/mnt", *options, how="rbind")
    shown = runtime.create(bundle).mounts()["/mnt/sub/deep"].options
    assert {"nodev"} <= shown and (("ro" in shown) is ("rro" in options))


@pytest.mark.parametrize(
    "flags, options, expected",
    [
        ("nosuid,nodev,noexec", ["ro"], {"ro", "nosuid", "nodev", "noexec"}),
        ("nosuid,nodev", ["nosuid"], {"rw", "nosuid", "nodev"}),
        ("ro", ["noexec"], {"ro", "noexec"}),
        ("nosuid", ["suid"], None),
        ("ro", ["rw"], None),
        ("ro", ["rrw"], None),
        ("noatime", ["relatime"], None),
    ],
)
@pytest.mark.parametrize("of", ["a volume", "a mount of the rootfs"])
def test_a_remount_undoes_no_locked_flag(
    runtime: Runtime, bundle: Bundle, source: Source, flags: str, options: list[str], expected: set[str] | None, of: str
) -> None:
    bundle.user_namespace()
    folder = source(flags)
    if of == "a volume":
        bundle.bind(folder, "/mnt")
    else:
        sandbox.mount("--bind", str(folder), bundle.rootfs / "mnt")
    bundle.mount("/mnt", "none", ["remount", "bind", *options], source="none")
    try:
        if expected is None:
            assert "EPERM" in runtime.refuses(bundle)
        else:
            assert expected <= runtime.create(bundle).mounts()["/mnt"].options
    finally:
        if of != "a volume":
            sandbox.unmount(bundle.rootfs / "mnt")


@pytest.mark.parametrize("kind", ["bind", "none", "tmpfs"])
def test_a_remount_leaves_the_file_system_of_the_source_as_it_is(
    runtime: Runtime, bundle: Bundle, source: Source, kind: str
) -> None:
    """mount(2) with MS_REMOUNT and without MS_BIND changes the superblock, which is the host's."""
    folder = source("rw")
    bundle.bind(folder, "/mnt")
    bundle.mount("/mnt", kind, ["remount", "ro"], source="none")
    assert "ro" in runtime.create(bundle).mounts()["/mnt"].options
    (folder / "still-writable").touch()


def test_a_remount_undoes_what_the_config_has_set(runtime: Runtime, bundle: Bundle, source: Source) -> None:
    bundle.user_namespace()
    bundle.bind(source("nodev"), "/mnt", "ro", "nosuid")
    bundle.mount("/mnt", "none", ["remount", "bind", "rw", "suid"], source="none")
    bundle.mount("/tmp", "tmpfs", ["noexec"])
    bundle.mount("/tmp", "tmpfs", ["remount", "exec"])
    mounts = runtime.create(bundle).mounts()
    assert mounts["/mnt"].options & {"ro", "rw", "nosuid", "nodev"} == {"rw", "nodev"}
    assert "noexec" not in mounts["/tmp"].options
