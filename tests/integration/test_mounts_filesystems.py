"""config.md, Mounts: the file systems that containers use."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import cgroup
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def test_proc_is_that_of_the_container(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "cat /proc/1/comm; echo /proc/[0-9]*").split() == ["sh", "/proc/1"]


def test_sysfs_is_that_of_the_container(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "ls /sys/class/net; grep -c ' /sys sysfs ro' /proc/mounts").split() == ["lo", "1"]


def test_mqueue(runtime: Runtime, bundle: Bundle) -> None:
    assert "mqueue" in runtime.create(bundle).mounts()["/dev/mqueue"].kind


def test_devpts_is_a_new_instance(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "ls /dev/pts") == "ptmx"


def test_tmpfs_takes_size_and_mode(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/var/x", "tmpfs", ["size=64k", "mode=751", "nr_inodes=100"])
    script = "stat -c %a /var/x; df -k /var/x | tail -1; dd if=/dev/zero of=/var/x/big bs=128k count=1 2>&1 || true"
    mode, sizes, *words = runtime.sh(bundle, script).splitlines()
    assert mode == "751"
    assert sizes.split()[1] == "64"
    assert "No space left on device" in " ".join(words)


@pytest.mark.beyond_runc("runc 1.1 gives the mode of the folder beneath")
def test_tmpfs_takes_its_mode_over_a_folder_too(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/mnt", "tmpfs", ["mode=1770"])
    assert runtime.sh(bundle, "stat -c %a /mnt") == "1770"


@pytest.mark.parametrize("folder, mode", [("/made", "1777"), ("/private", "700"), ("/sticky", "1777")])
def test_tmpfs_without_a_mode_has_that_of_the_folder(runtime: Runtime, bundle: Bundle, folder: str, mode: str) -> None:
    (bundle.rootfs / "private").mkdir(mode=0o700)
    (bundle.rootfs / "sticky").mkdir()
    (bundle.rootfs / "sticky").chmod(0o1777)
    bundle.mount(folder, "tmpfs", ["size=64k"])
    assert runtime.sh(bundle, f"stat -c %a {folder}") == mode


def test_several_options_of_the_file_system_in_one(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/x", "tmpfs", ["size=64k,mode=751,uid=5"])
    assert runtime.sh(bundle, "stat -c %a:%u /x; df -k /x | tail -1").split()[:3] == ["751:5", "tmpfs", "64"]


def test_overlay(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    for name in ("lower", "upper", "work"):
        (scratch / name).mkdir()
    (scratch / "lower/fact").write_text("lower")
    layers = [f"lowerdir={scratch}/lower", f"upperdir={scratch}/upper", f"workdir={scratch}/work"]
    bundle.mount("/mnt", "overlay", layers)
    assert runtime.sh(bundle, "cat /mnt/fact; echo upper > /mnt/new") == "lower"
    assert (scratch / "upper/new").read_text() == "upper\n"


@pytest.mark.parametrize("private", [True, False], ids=["cgroup-namespace", "no-cgroup-namespace"])
def test_cgroup_shows_the_containers_own_group(runtime: Runtime, bundle: Bundle, private: bool) -> None:
    if private:
        bundle.namespace("cgroup")
    bundle.mount("/sys/fs/cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"])
    controller = "" if cgroup.is_v2() else "/memory"
    procs = runtime.sh(bundle, f"cat /sys/fs/cgroup{controller}/cgroup.procs")
    assert "1" in procs.split()


def test_cgroup_read_only(runtime: Runtime, bundle: Bundle) -> None:
    bundle.namespace("cgroup")
    bundle.mount("/sys/fs/cgroup", "cgroup", ["ro"])
    controller = "" if cgroup.is_v2() else "/memory"
    words = runtime.sh(bundle, f"mkdir /sys/fs/cgroup{controller}/new 2>&1 || true")
    assert "Read-only file system" in words


def test_cgroup_writable(runtime: Runtime, bundle: Bundle) -> None:
    bundle.namespace("cgroup")
    bundle.mount("/sys/fs/cgroup", "cgroup", ["rw"])
    controller = "" if cgroup.is_v2() else "/memory"
    runtime.sh(bundle, f"mkdir /sys/fs/cgroup{controller}/new; rmdir /sys/fs/cgroup{controller}/new")


@pytest.mark.skipif("cgroup.is_v2()", reason="a hierarchy of version 1 only")
def test_cgroup_v1_has_the_links_of_joint_controllers(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/sys/fs/cgroup", "cgroup", ["ro"])
    inside = set(runtime.sh(bundle, "ls /sys/fs/cgroup").split())
    controllers = {name.removeprefix("name=") for name in cgroup.hierarchies() if name}
    assert controllers <= inside


@pytest.mark.beyond_runc("runc gives the v1 hierarchies for cgroup2 on a hybrid machine")
def test_cgroup2(runtime: Runtime, bundle: Bundle) -> None:
    if "" not in cgroup.hierarchies():
        pytest.skip("no unified hierarchy here")
    bundle.namespace("cgroup")
    bundle.mount("/mnt/unified", "cgroup2", ["ro"])
    assert runtime.create(bundle).mounts()["/mnt/unified"].kind == "cgroup2"


@pytest.mark.beyond_runc("the kernel refuses a new sysfs there, and runc says no more than that")
@pytest.mark.parametrize("options", [["ro", "nosuid"], ["nosuid", "noexec", "nodev"]])
def test_sysfs_in_a_user_namespace_with_the_hosts_network(runtime: Runtime, bundle: Bundle, options: list[str]) -> None:
    bundle.user_namespace()
    bundle.no_namespace("network")
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["destination"] != "/sys"]
    bundle.mount("/sys", "sysfs", options)
    bundle.sh("sleep 60")
    container = runtime.start(bundle)
    mounts = {point: entry for point, entry in container.mounts().items() if point.startswith("/sys")}
    assert mounts["/sys"].kind == "sysfs"
    for point, entry in mounts.items():
        assert set(options) <= entry.options, point
    assert container.path("/sys/class/net/lo").is_dir()


@pytest.mark.beyond_runc("the kernel refuses a new sysfs there, and runc says no more than that")
def test_such_a_sysfs_is_not_writable_below(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    bundle.no_namespace("network")
    script = "mkdir /sys/fs/cgroup/pids/x 2>&1 || mkdir /sys/fs/cgroup/x 2>&1 || true"
    assert "made" not in runtime.sh(bundle, f"{script}; test -d /sys/fs/cgroup/x && echo made || true")
