"""What may lie over /, /proc, /sys and /dev is decided by where the target is, not by how its path is spelled.

A link in the image led a volume over /proc (its files were taken for the kernel's), or over /dev (the runtime made
its device nodes in a folder of the host).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import sandbox
from helpers.bundle import Bundle
from helpers.hostile import Outside
from helpers.runtime import Runtime

# destination, links of the image: path in the rootfs -> where it leads
LED = [
    ("/data", {"data": "/proc"}),
    ("/data", {"data": "proc"}),
    ("/data", {"data": "../../../proc/"}),
    ("/data", {"data": "next", "next": "/proc"}),
    ("/data", {"data": "/proc/sys"}),
    ("/data", {"data": "/proc/sys/kernel"}),
    ("/data/proc", {"data": "/"}),
    ("/data/sys", {"data": "/proc"}),
    ("/data", {"data": "/"}),
    ("/data", {"data": "."}),
    ("/data", {"data": "/sys"}),
    ("/data", {"data": "/sys/fs"}),
    ("/data/fs", {"data": "/sys"}),
    ("/data", {"data": "/dev"}),
    ("/data", {"data": "./dev/"}),
]
# destinations without any link, spelled as one may
SPELLED = ["/proc/", "//proc", "/./proc", "/tmp/../proc", "proc", "/proc/.", "/proc/sys", "/proc/fs/../sys", "/proc/1"]


@pytest.mark.parametrize("destination, links", LED, ids=str)
@pytest.mark.parametrize("kind", ["bind", "rbind", "tmpfs"])
def test_a_link_of_the_image_leads_no_mount_there(
    runtime: Runtime, bundle: Bundle, outside: Outside, destination: str, links: dict[str, str], kind: str
) -> None:
    if not runtime.is_pyoci and links.get("data", "").strip("./") in ("sys", "sys/fs", "dev"):
        pytest.skip("runc 1.1 mounts over /sys and /dev by a link")
    if not runtime.is_pyoci and kind == "tmpfs":
        pytest.skip("runc 1.1 mounts a tmpfs wherever a link leads")
    for name, target in links.items():
        (bundle.rootfs / name).symlink_to(target)
    if kind == "tmpfs":
        bundle.mount(destination, "tmpfs")
    else:
        bundle.bind(outside.path, destination, how=kind)
    assert destination.split("/")[1] in runtime.refuses(bundle)
    outside.check()


@pytest.mark.beyond_runc("runc 1.1 changes what a link leads to")
@pytest.mark.parametrize("target", ["/", "/proc", "/sys", "/dev", "../.."])
@pytest.mark.parametrize("options", [["remount", "rw", "bind"], ["remount", "ro"], ["rshared"], ["remount", "exec"]])
def test_a_link_of_the_image_leads_no_change_there(
    runtime: Runtime, bundle: Bundle, target: str, options: list[str]
) -> None:
    """/sys would be writable, or the file system of the host that has the rootfs read-only."""
    (bundle.rootfs / "data").symlink_to(target)
    bundle.mount("/data", "none", options)
    assert "a link in the rootfs leads it to" in runtime.refuses(bundle)


def test_a_change_that_names_the_place_is_made(runtime: Runtime, bundle: Bundle) -> None:
    for place in ("/proc", "/sys", "/dev"):
        bundle.mount(place, "none", ["remount", "bind", "nosuid", "noexec"])
    mounts = runtime.create(bundle).mounts()
    assert all({"nosuid", "noexec"} <= mounts[place].options for place in ("/proc", "/sys", "/dev"))


@pytest.mark.parametrize("destination", SPELLED)
@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_nothing_but_a_procfs_lies_over_proc(
    runtime: Runtime, bundle: Bundle, outside: Outside, destination: str, kind: str
) -> None:
    if not runtime.is_pyoci and kind == "tmpfs":
        pytest.skip("runc 1.1 mounts a tmpfs over /proc and then fails otherwise")
    if kind == "tmpfs":
        bundle.mount(destination, "tmpfs")
    else:
        bundle.bind(outside.path, destination)
    assert "proc" in runtime.refuses(bundle)
    outside.check()


@pytest.mark.parametrize("destination", ["/", "/.", "//", "/x/..", "."])
def test_nothing_lies_over_the_root(runtime: Runtime, bundle: Bundle, outside: Outside, destination: str) -> None:
    bundle.bind(outside.path, destination)
    runtime.refuses(bundle)
    outside.check()


def test_a_part_of_a_procfs_is_no_procfs(runtime: Runtime, bundle: Bundle) -> None:
    bundle.bind("/proc/sys", "/proc")
    assert "procfs" in runtime.refuses(bundle)


def test_a_procfs_may_lie_over_proc(runtime: Runtime, bundle: Bundle) -> None:
    bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["destination"] != "/proc"]
    bundle.bind("/proc", "/proc", how="rbind")
    assert runtime.sh(bundle, "cat /proc/self/comm") == "cat"


@pytest.mark.parametrize("name", ["cpuinfo", "meminfo", "uptime", "sys/kernel/ns_last_pid"])
def test_files_that_lxcfs_emulates_may_be_covered(runtime: Runtime, bundle: Bundle, scratch: Path, name: str) -> None:
    (scratch / "emulated").write_text("emulated")
    bundle.bind(scratch / "emulated", f"/proc/{name}")
    assert runtime.sh(bundle, f"cat /proc/{name}") == "emulated"


def test_other_files_of_proc_may_not(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    (scratch / "file").write_text("")
    bundle.bind(scratch / "file", "/proc/version")
    assert "inside /proc" in runtime.refuses(bundle)


@pytest.mark.parametrize("destination", ["/dev", "/dev/", "//dev", "/./dev", "/tmp/../dev", "dev"])
def test_nothing_is_made_in_a_folder_bound_over_dev(
    runtime: Runtime, bundle: Bundle, outside: Outside, destination: str
) -> None:
    bundle.config["mounts"] = [
        entry for entry in bundle.config["mounts"] if not entry["destination"].startswith("/dev")
    ]
    bundle.bind(outside.path, destination)
    assert runtime.sh(bundle, "cat /dev/secret") == outside.SECRET
    outside.check()


@pytest.mark.beyond_runc("runc 1.1 makes the default devices in the volume")
def test_dev_as_a_link_into_a_volume(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    bundle.config["mounts"] = [
        entry for entry in bundle.config["mounts"] if not entry["destination"].startswith("/dev")
    ]
    (bundle.rootfs / "dev").rmdir()
    (bundle.rootfs / "dev").symlink_to("/volume")
    bundle.bind(outside.path, "/volume")
    assert "/dev is a link" in runtime.refuses(bundle)
    outside.check()


def test_a_volume_over_sys_that_the_config_names_is_mounted(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    bundle.bind(outside.path, "/sys")
    assert runtime.sh(bundle, "cat /sys/secret") == outside.SECRET


@pytest.mark.beyond_runc("runc 1.1 mounts over the process's root, where nobody sees it")
def test_a_read_only_path_that_leads_to_the_root(runtime: Runtime, bundle: Bundle) -> None:
    for index, path in enumerate(("/", "/link", "/proc/..")):
        (bundle.rootfs / "link").unlink(missing_ok=True)
        (bundle.rootfs / "link").symlink_to("/")
        bundle.linux["readonlyPaths"] = [path]
        assert "Read-only" in runtime.sh(bundle, f"touch /x{index} 2>&1 || true")


def test_a_masked_path_that_leads_to_the_root_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    if not runtime.is_pyoci:
        pytest.skip("runc 1.1 masks what nobody sees")
    for path in ("/", "/."):
        bundle.linux["maskedPaths"] = [path]
        assert "root" in runtime.refuses(bundle)


def test_the_sources_flags_survive_a_swapped_source(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    """A read-only bind is read-only from the moment it is attached."""
    (scratch / "source").mkdir()
    sandbox.mount("-t", "tmpfs", "tmpfs", scratch / "source")
    try:
        bundle.bind(scratch / "source", "/mnt", "ro")
        assert "ro" in runtime.create(bundle).mounts()["/mnt"].options
    finally:
        sandbox.unmount(scratch / "source")
