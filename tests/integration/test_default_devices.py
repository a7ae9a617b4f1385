"""config-linux.md, Default Devices."""

from __future__ import annotations

import os
import stat

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

NUMBERS = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}


@pytest.mark.parametrize("users", ["same", "mapped"])
def test_each_is_there(runtime: Runtime, bundle: Bundle, users: str) -> None:
    if users == "mapped":
        bundle.user_namespace()
    container = runtime.create(bundle)
    for name, (major, minor) in NUMBERS.items():
        facts = container.path(f"/dev/{name}").stat()
        assert stat.S_ISCHR(facts.st_mode), name
        assert facts.st_rdev == os.makedev(major, minor), name
        assert stat.S_IMODE(facts.st_mode) == 0o666, name


def test_each_works(runtime: Runtime, bundle: Bundle) -> None:
    script = "echo > /dev/null; head -c4 /dev/zero | od -An -tx1; head -c9 /dev/urandom | wc -c; echo > /dev/full"
    bundle.sh(f"{script} || echo full")
    result = runtime.run(bundle)
    assert result.stdout.split() == ["00", "00", "00", "00", "9", "full"]
    assert "No space left on device" in result.stderr


def test_all_users_may_use_them(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    runtime.sh(bundle, "echo > /dev/null; head -c1 /dev/zero > /dev/null")


def test_ptmx_is_that_of_the_containers_devpts(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "readlink /dev/ptmx") in ("pts/ptmx", "/dev/pts/ptmx")


def test_ptmx_makes_a_terminal_inside(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "exec 3<>/dev/ptmx; ls /dev/pts").split() == ["0", "ptmx"]


def test_no_console_without_a_terminal(runtime: Runtime, bundle: Bundle) -> None:
    assert not runtime.create(bundle).path("/dev/console").is_char_device()


def test_the_rootfs_may_have_them_already(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["destination"] == "/proc"]
    os.mknod(bundle.rootfs / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    runtime.sh(bundle, "echo > /dev/null; echo < /dev/zero")


def test_dev_bound_from_the_machine_is_left_alone(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["destination"] == "/proc"]
    bundle.bind("/dev", "/dev", "ro", how="rbind")
    before = os.stat("/dev/null").st_ino, os.stat("/dev").st_mtime
    runtime.sh(bundle, "ls /dev/zero")
    assert (os.stat("/dev/null").st_ino, os.stat("/dev").st_mtime) == before
