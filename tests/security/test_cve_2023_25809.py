"""CVE-2023-25809: a container without a cgroup namespace, rootless above all, can write to the host's cgroups."""

from __future__ import annotations

import errno
import json
import os
from functools import partial
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.hostile import error_of, inside
from helpers.runtime import Container, Mount, Runtime

READ_ONLY = ["nosuid", "noexec", "nodev", "relatime", "ro"]
USER = 1000


def cgroup_mounts() -> list[str]:
    """In a container: the places of its mounts of cgroups."""
    parsed = map(Mount.parse, Path("/proc/self/mountinfo").read_text().splitlines())
    return [entry.point for entry in parsed if entry.kind in ("cgroup", "cgroup2")]


def refusals() -> dict[str, tuple[int, int]]:
    """In a container: what making a group, and moving a process, is refused with."""
    return {
        point: (
            error_of(partial(os.mkdir, f"{point}/pyoci-escaped")),
            error_of(partial(os.open, f"{point}/cgroup.procs", os.O_WRONLY)),
        )
        for point in cgroup_mounts()
    }


def assert_read_only(container: Container) -> None:
    found = inside(container.pid, refusals)
    assert found, "it has no mount of cgroups"
    assert {code for codes in found.values() for code in codes} <= {errno.EROFS, errno.EACCES, errno.EPERM}, found


@pytest.mark.parametrize("own", [True, False], ids=["cgroup namespace", "none"])
@pytest.mark.parametrize("users", ["host", "mapped"])
def test_a_read_only_cgroup_mount(runtime: Runtime, bundle: Bundle, own: bool, users: str) -> None:
    if users == "mapped":
        bundle.user_namespace()
    if own:
        bundle.namespace("cgroup")
    bundle.mount("/sys/fs/cgroup", "cgroup", READ_ONLY)
    container = runtime.create(bundle)
    assert inside(container.pid, cgroup_mounts), "no cgroup is mounted"
    assert_read_only(container)


def test_the_hosts_sysfs_with_its_cgroups(runtime: Runtime, bundle: Bundle) -> None:
    """As `spec --rootless` has it: /sys is bound, and cgroups come over it."""
    bundle.user_namespace()
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["destination"] != "/sys"]
    bundle.bind("/sys", "/sys", "nosuid", "noexec", "nodev", "ro", how="rbind")
    bundle.mount("/sys/fs/cgroup", "cgroup", READ_ONLY)
    container = runtime.create(bundle)
    assert_read_only(container)


@pytest.mark.parametrize("own", [True, False], ids=["cgroup namespace", "none"])
def test_rootless(runtime: Runtime, bundle: Bundle, scratch: Path, own: bool) -> None:
    """The whole way of `spec --rootless`, as a user without privilege."""
    folder = scratch / "rootless"
    folder.mkdir()
    for path in [folder, bundle.path, bundle.rootfs, *bundle.rootfs.rglob("*")]:
        os.chown(path, USER, USER, follow_symlinks=False)
    runtime.root = folder / "state"

    def become_user() -> None:
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)

    runtime.expect("spec", "--rootless", "--bundle", str(folder), preexec=become_user)
    bundle.config = json.loads((folder / "config.json").read_text())
    bundle.config["root"]["path"] = "rootfs"
    bundle.process["terminal"] = False
    bundle.process["args"] = ["sleep", "60"]
    bundle.no_namespace("cgroup")
    if own:
        bundle.namespace("cgroup")
    name = runtime.add(bundle)
    result = runtime.call("run", "--detach", "--bundle", str(bundle.path), name, preexec=become_user)
    if result.status != 0 and not runtime.is_pyoci:
        pytest.skip(f"rootless containers do not work here: {result.stderr}")
    assert result.status == 0, result.stderr
    pid = runtime.state(name)["pid"]
    found = inside(pid, refusals)
    assert found, "it has no mount of cgroups"
    assert {code for codes in found.values() for code in codes} <= {errno.EROFS, errno.EACCES, errno.EPERM}, found
    runtime.expect("delete", "--force", name, preexec=become_user)  # root's pyoci leaves it alone
