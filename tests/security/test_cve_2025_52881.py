"""CVE-2025-52881, CVE-2025-62596 (youki): what the runtime writes to procfs is redirected by shared mounts.

A label or a sysctl then lands in a harmless file, or in one like /proc/sysrq-trigger.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import sandbox
from helpers.bundle import Bundle
from helpers.forked import forked
from helpers.hostile import FakeProc, Outside, check, libc, swapping
from helpers.runtime import Runtime

from pyoci.errors import SyscallError
from pyoci.kernel import procfs, uapi

TRIES = 8
FILE = "sys/" + FakeProc.SYSCTL.replace(".", "/")


@pytest.fixture(autouse=True)
def writes(bundle: Bundle) -> None:
    bundle.linux["sysctl"] = {FakeProc.SYSCTL: FakeProc.VALUE}
    bundle.process["oomScoreAdj"] = 321


def real_or_refused(runtime: Runtime, bundle: Bundle) -> None:
    name = runtime.add(bundle)
    result = runtime.call("create", "--bundle", str(bundle.path), name)
    assert "Traceback" not in result.stderr
    if result.status == 0:
        pid = runtime.state(name)["pid"]
        assert FakeProc.setting(pid) == FakeProc.VALUE
        assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "321"
        runtime.expect("delete", "--force", name)


@pytest.mark.parametrize("users", ["host", "mapped"])
def test_to_another_file(runtime: Runtime, bundle: Bundle, outside: Outside, users: str) -> None:
    if users == "mapped":
        bundle.user_namespace()
    bundle.bind(outside.file, f"/proc/{FILE}")
    bundle.bind(outside.file, "/proc/1/oom_score_adj")
    real_or_refused(runtime, bundle)
    outside.check()


def test_to_another_file_of_procfs(runtime: Runtime, bundle: Bundle) -> None:
    """The victim is a sysctl of the network namespace, in place of sysrq-trigger."""
    victim = "net/ipv4/ip_default_ttl"
    ttl = Path("/proc/sys", victim).read_text()
    bundle.bind(f"/proc/sys/{victim}", f"/proc/{FILE}")
    real_or_refused(runtime, bundle)
    assert Path("/proc/sys", victim).read_text() == ttl


def test_a_volume_in_procfs_with_links_that_swap(
    runtime: Runtime, bundle: Bundle, scratch: Path, outside: Outside
) -> None:
    """The shared volume lies over a folder of procfs, and its files change while the runtime works."""
    volume = scratch / "volume"
    volume.mkdir()
    (volume / "ip_unprivileged_port_start").symlink_to(outside.file)
    (volume / "other").write_text("0")
    bundle.bind(volume, "/proc/sys/net/ipv4", "rshared", how="rbind")
    with swapping(volume / "ip_unprivileged_port_start", volume / "other"):
        for _ in range(TRIES):
            real_or_refused(runtime, bundle)
    outside.check()
    assert {path.read_text() for path in (volume / "other", volume / "ip_unprivileged_port_start")} == {
        "0",
        outside.SECRET,
    }


@pytest.mark.parametrize("name", ["uid_map", "gid_map", "setgroups"])
def test_nothing_lies_over_id_maps(runtime: Runtime, bundle: Bundle, outside: Outside, name: str) -> None:
    bundle.user_namespace()
    bundle.bind(outside.file, f"/proc/1/{name}")
    assert "/proc" in runtime.refuses(bundle)
    outside.check()


def test_exec(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    """The container has prepared its procfs for the process that enters."""
    bundle.process["capabilities"] = {kind: ["CAP_SYS_ADMIN"] for kind in ("bounding", "effective", "permitted")}
    bundle.bind(outside.path, "/host")
    bundle.sleeps()
    container = runtime.start(bundle)
    mounted = container.exec(
        "sh",
        "-c",
        "mount -t tmpfs none /proc && mkdir -p /proc/self/attr && mount --bind /host/secret /dev/null; echo $?",
    )
    assert mounted.stdout.strip().endswith("0"), mounted
    assert container.exec("echo", "runs").stdout.strip() == "runs"
    outside.check()


@pytest.mark.parametrize(
    "over", [("-t", "tmpfs", "tmpfs"), ("--bind", "/proc/sys"), ("--bind", "/proc/1"), ("--bind", "/sys")]
)
def test_the_hosts_own_is_looked_at(over: tuple[str, ...]) -> None:
    """Whoever has mounted something over the /proc of the runtime's own mount namespace."""

    def opens() -> str:
        check(libc.unshare(sandbox.CLONE_NEWNS), "unshare")
        sandbox.mount("--make-rprivate", "/")
        sandbox.mount(*over, "/proc")
        try:
            procfs.open_root()
        except SyscallError as error:
            return str(error)
        return "opened"

    assert "it is not a procfs" in forked(opens)


@pytest.mark.parametrize("write", [procfs.write, procfs.open_file], ids=["write", "open"])
@pytest.mark.parametrize("covered", [FILE, "sys/net", "sys"])
def test_a_mount_in_the_hosts_own_is_not_crossed(outside: Outside, write: Callable[..., Any], covered: str) -> None:
    """It lies over the file, or over a folder on the way: another part of procfs, which could be any other one."""

    def opens() -> str:
        check(libc.unshare(sandbox.CLONE_NEWNS | uapi.CLONE_NEWNET), "unshare")
        sandbox.mount("--make-rprivate", "/")
        sandbox.mount("--bind", outside.file if covered == FILE else f"/proc/{covered}", f"/proc/{covered}")
        proc_fd = procfs.open_root()
        try:
            write(proc_fd, FILE, os.O_RDONLY if write is procfs.open_file else FakeProc.VALUE)
        except SyscallError as error:
            return str(error)
        return "crossed"

    assert "(EXDEV)" in forked(opens)
    outside.check()


@pytest.mark.parametrize(
    "path",
    ["net/dev", "self/status", "{pid}/root/etc/passwd", "{pid}/../../etc/passwd", "../etc/passwd", "/etc/passwd"],
)
def test_nothing_leads_out_of_the_hosts_own(path: str) -> None:
    """Neither a link, of which it has some of its own, nor `..`, nor a path from the top."""
    proc_fd = procfs.open_root()
    try:
        with pytest.raises(SyscallError) as caught:
            procfs.open_file(proc_fd, path.format(pid=os.getpid()), os.O_RDONLY)
    finally:
        os.close(proc_fd)
    assert caught.value.errno in (errno.ELOOP, errno.EXDEV)
