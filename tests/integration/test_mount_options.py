"""config.md, Linux mount options: the whole table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import sandbox
from helpers.bundle import Bundle
from helpers.runtime import Mount, Runtime

# Option, and what proc(5) shows for a mount with it (`!x`: not x).
FLAGS = {
    "ro": "ro",
    "rw": "rw",
    "nosuid": "nosuid",
    "nodev": "nodev",
    "noexec": "noexec",
    "noatime": "noatime",
    "nodiratime": "nodiratime",
    "relatime": "relatime",
    "strictatime": "!relatime",
    "sync": "sync",
    "dirsync": "dirsync",
    "mand": "",
    "nomand": "",
    "suid": "!nosuid",
    "dev": "!nodev",
    "exec": "!noexec",
    "atime": "!noatime",
    "diratime": "!nodiratime",
    "async": "!sync",
    "norelatime": "",
    "nostrictatime": "relatime",
}
BEYOND_RUNC = {
    "defaults": "rw",
    "lazytime": "lazytime",
    "nolazytime": "!lazytime",
    "loud": "",
    "silent": "",
    "iversion": "",
    "noiversion": "",
    "nosymfollow": "nosymfollow",
    "symfollow": "!nosymfollow",
}
beyond_runc = pytest.mark.beyond_runc("runc 1.1 does not know the option")


def check(entry: Mount, expected: str) -> None:
    shown = entry.options | entry.super_options
    if expected.startswith("!"):
        assert expected[1:] not in shown
    elif expected:
        assert expected in shown


@pytest.mark.parametrize("option", [*FLAGS, *(pytest.param(name, marks=beyond_runc) for name in BEYOND_RUNC)])
def test_option_of_a_new_mount(runtime: Runtime, bundle: Bundle, option: str) -> None:
    bundle.mount("/mnt", "tmpfs", [option])
    check(runtime.create(bundle).mounts()["/mnt"], {**FLAGS, **BEYOND_RUNC}[option])


@pytest.mark.parametrize("option", ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"])
def test_option_of_a_bind_mount(runtime: Runtime, bundle: Bundle, scratch: Path, option: str) -> None:
    (scratch / "source").mkdir()
    bundle.bind(scratch / "source", "/mnt", option)
    assert option in runtime.create(bundle).mounts()["/mnt"].options


@pytest.mark.parametrize(
    "first, second",
    [("ro", "rw"), ("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec"), ("noatime", "atime"), ("sync", "async")],
)
def test_a_later_option_undoes_an_earlier_one(runtime: Runtime, bundle: Bundle, first: str, second: str) -> None:
    bundle.mount("/mnt", "tmpfs", [first, second])
    check(runtime.create(bundle).mounts()["/mnt"], f"!{first}")


def test_remount_changes_an_earlier_mount(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/mnt", "tmpfs")
    bundle.mount("/mnt", "tmpfs", ["remount", "ro", "nosuid"])
    assert {"ro", "nosuid"} <= runtime.create(bundle).mounts()["/mnt"].options


@pytest.mark.parametrize(
    "options, remount, flags",
    [
        (["sync", "lazytime"], ["remount", "async"], "!sync,!lazytime"),
        (["sync"], ["remount", "nosuid"], "!sync,nosuid"),
        (["nosuid"], ["remount", "sync"], "sync,!nosuid"),
    ],
)
def test_a_remount_has_the_flags_that_it_names(
    runtime: Runtime, bundle: Bundle, options: list[str], remount: list[str], flags: str
) -> None:
    bundle.mount("/mnt", "tmpfs", options)
    bundle.mount("/mnt", "tmpfs", remount)
    entry = runtime.create(bundle).mounts()["/mnt"]
    for flag in flags.split(","):
        check(entry, flag)


@pytest.mark.beyond_runc("it remains read-only")
@pytest.mark.parametrize("user_namespace", [False, True])
def test_a_remount_makes_a_tmpfs_writable(runtime: Runtime, bundle: Bundle, user_namespace: bool) -> None:
    if user_namespace:
        bundle.user_namespace()
    bundle.mount("/mnt", "tmpfs", ["ro"])
    bundle.mount("/mnt", "tmpfs", ["remount", "rw"])
    runtime.sh(bundle, "echo x > /mnt/x")


@pytest.mark.parametrize("first, then", [("ro", "rw"), ("rw", "ro")])
def test_a_remount_of_an_overlay(runtime: Runtime, bundle: Bundle, scratch: Path, first: str, then: str) -> None:
    folders = {name: scratch / name for name in ("lowerdir", "upperdir", "workdir")}
    for folder in folders.values():
        folder.mkdir()
    bundle.mount("/mnt", "overlay", [*(f"{name}={folder}" for name, folder in folders.items()), first])
    bundle.mount("/mnt", "overlay", ["remount", then])
    written = runtime.sh(bundle, "echo x 2>&1 > /mnt/x && echo written || true")
    assert ("written" in written) is (then == "rw")


@pytest.mark.beyond_runc("runc applies recursive options to bind mounts only")
def test_a_tmpfs_with_rro_has_its_mount_points_and_devices(runtime: Runtime, bundle: Bundle) -> None:
    dev = next(entry for entry in bundle.config["mounts"] if entry["destination"] == "/dev")
    dev["options"] = ["rro", "nosuid", "mode=755"]
    assert "Read-only" in runtime.sh(bundle, "test -c /dev/null; test -d /dev/pts; touch /dev/x 2>&1 || true")


def test_other_words_go_to_the_file_system(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/mnt", "tmpfs", ["ro", "size=128k", "nosuid", "nr_inodes=77"])
    entry = runtime.create(bundle).mounts()["/mnt"]
    assert {"size=128k", "nr_inodes=77"} <= entry.super_options
    assert {"ro", "nosuid"} <= entry.options


def test_noexec_is_felt(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/mnt", "tmpfs", ["noexec"])
    words = runtime.sh(bundle, "cp /bin/busybox /mnt/true; chmod 755 /mnt/true; /mnt/true 2>&1 || true")
    assert "Permission denied" in words


@beyond_runc
def test_nosymfollow_is_felt(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/mnt", "tmpfs", ["nosymfollow"])
    assert "ymbolic" in runtime.sh(bundle, "ln -s /etc/passwd /mnt/link; cat /mnt/link 2>&1 || true")


@pytest.mark.parametrize(
    "option, expected",
    [
        ("private", set()),
        ("rprivate", set()),
        ("slave", {"master"}),
        ("rslave", {"master"}),
        ("unbindable", {"unbindable"}),
        ("runbindable", {"unbindable"}),
    ],
)
def test_propagation(runtime: Runtime, bundle: Bundle, scratch: Path, option: str, expected: set[str]) -> None:
    (scratch / "source").mkdir()
    bundle.bind(scratch / "source", "/mnt", option, how="rbind")
    assert runtime.create(bundle).mounts()["/mnt"].propagation == expected


@pytest.mark.parametrize("option", ["shared", "rshared"])
def test_shared_propagation(runtime: Runtime, bundle: Bundle, scratch: Path, option: str) -> None:
    (scratch / "source").mkdir()
    bundle.bind(scratch / "source", "/mnt", option, how="rbind")
    assert "shared" in runtime.create(bundle).mounts()["/mnt"].propagation


def test_a_slave_sees_what_the_host_mounts_later(runtime: Runtime, bundle: Bundle, tree: Path) -> None:
    bundle.bind(tree, "/mnt", "rslave", how="rbind")
    container = runtime.create(bundle)
    (tree / "late").mkdir()
    sandbox.mount("-t", "tmpfs", "tmpfs", tree / "late")
    assert "/mnt/late" in container.mounts()
    sandbox.unmount(tree / "late")


@pytest.fixture
def tree(scratch: Path) -> Iterator[Path]:
    """A folder with a writable mount at `sub` and a read-only one at `fixed`."""
    folder = scratch / "tree"
    for name, options in (("sub", "rw"), ("fixed", "ro,nosuid")):
        (folder / name).mkdir(parents=True)
        sandbox.mount("-t", "tmpfs", "-o", options, "tmpfs", folder / name)
    yield folder
    for name in ("sub", "fixed"):
        sandbox.unmount(folder / name)


# Recursive option, and what the mount below shows.
RECURSIVE = {
    "rro": "ro",
    "rnosuid": "nosuid",
    "rnodev": "nodev",
    "rnoexec": "noexec",
    "rnoatime": "noatime",
    "rnodiratime": "nodiratime",
    "rrelatime": "relatime",
    "rstrictatime": "!relatime",
    "rnosymfollow": "nosymfollow",
    "rsuid": "!nosuid",
    "rdev": "!nodev",
    "rexec": "!noexec",
    "rdiratime": "!nodiratime",
    "rsymfollow": "!nosymfollow",
    "ratime": "!noatime",
    "rnorelatime": "",
    "rnostrictatime": "relatime",
}


@pytest.mark.beyond_runc("Debian's runc 1.1.5 has only some of them, and applies them to an old kernel's rules")
@pytest.mark.parametrize("option", RECURSIVE)
def test_a_recursive_option_reaches_the_mounts_below(runtime: Runtime, bundle: Bundle, tree: Path, option: str) -> None:
    bundle.bind(tree, "/mnt", option, how="rbind")
    mounts = runtime.create(bundle).mounts()
    check(mounts["/mnt"], RECURSIVE[option])
    check(mounts["/mnt/sub"], RECURSIVE[option])


def test_rro_is_felt_below(runtime: Runtime, bundle: Bundle, tree: Path) -> None:
    bundle.bind(tree, "/mnt", "rro", how="rbind")
    assert "Read-only file system" in runtime.sh(bundle, "touch /mnt/sub/x 2>&1 || true")


def test_ro_is_not_recursive(runtime: Runtime, bundle: Bundle, tree: Path) -> None:
    bundle.bind(tree, "/mnt", "ro", how="rbind")
    runtime.sh(bundle, "touch /mnt/sub/x")


def test_rrw_undoes_ro_below(runtime: Runtime, bundle: Bundle, tree: Path) -> None:
    bundle.bind(tree, "/mnt", "rrw", how="rbind")
    assert "rw" in runtime.create(bundle).mounts()["/mnt/fixed"].options


def test_recursive_options_leave_the_source_alone(runtime: Runtime, bundle: Bundle, tree: Path) -> None:
    bundle.bind(tree, "/mnt", "rro", how="rbind")
    runtime.create(bundle)
    (tree / "sub/x").write_text("")


@pytest.mark.beyond_runc("runc applies recursive options to bind mounts only")
def test_a_recursive_option_of_a_new_mount(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/mnt", "tmpfs", ["rro"])
    assert "ro" in runtime.create(bundle).mounts()["/mnt"].options


def test_access_times_follow_the_option(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    source = scratch / "file"
    source.write_text("read me")
    os.utime(source, (1, 2))
    bundle.bind(source, "/etc/file", "noatime")
    runtime.sh(bundle, "cat /etc/file")
    assert source.stat().st_atime == 1


@pytest.mark.beyond_runc("runc says EINVAL")
@pytest.mark.parametrize("kind", ["tmpfs", "none", "bind", "cgroup"])
@pytest.mark.parametrize("options", [["remount"], ["remount", "ro"], ["remount", "bind", "ro"], ["remount", "size=5m"]])
def test_a_remount_of_nothing(runtime: Runtime, bundle: Bundle, kind: str, options: list[str]) -> None:
    bundle.mount("/mnt", kind, options)
    assert "dst=/mnt" in (words := runtime.refuses(bundle))
    assert "needs a mount to change, and nothing is mounted there" in words


@pytest.mark.beyond_runc("runc says EINVAL")
@pytest.mark.parametrize("option", ["private", "rslave", "rshared"])
def test_propagation_of_nothing(runtime: Runtime, bundle: Bundle, option: str) -> None:
    bundle.mount("/mnt", "none", [option])
    assert "needs a mount to change, and nothing is mounted there" in runtime.refuses(bundle)
