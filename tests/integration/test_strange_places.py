"""Machines that no author of a config has thought of: each works, or the message names what is missing."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Result, Runtime

# What is done in a mount namespace of its own before pyoci is called, and the words of its refusal.
REFUSED = {
    "a procfs of the PID namespace above": ("unshare --pid --fork", "", "it is of another PID namespace; mount one"),
    "no procfs": ("", "umount --lazy /proc", "mount /proc"),
    "no CAP_NET_ADMIN for the new network": ("setpriv --bounding-set=-net_admin", "", "it takes CAP_NET_ADMIN"),
    "no CAP_SETPCAP": ("setpriv --bounding-set=-setpcap", "", "it takes CAP_SETPCAP"),
    "no cgroups": ("", "umount --lazy --recursive /sys/fs/cgroup", "cgroup|devices controller"),
}
ACCEPTED = {
    "a procfs that hides processes": ("", "mount -t proc -o hidepid=2 proc /proc"),
    "a procfs of processes only": ("", "mount -t proc -o subset=pid proc /proc"),
    "a procfs of its own PID namespace": ("unshare --pid --fork --mount-proc", ""),
    "sysctls that are read-only": ("", "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys"),
    "a read-only /sys": ("", "mount -o remount,bind,ro /sys"),
    "a cgroup namespace": ("unshare --cgroup", ""),
    "no device nodes": ("", "mount -t tmpfs tmpfs /dev; : >/dev/null"),
    "no users": ("", "mount -t tmpfs tmpfs /etc"),
    "a bundle on overlayfs": (
        "",
        "mkdir $PLACE/o; mount -t tmpfs tmpfs $PLACE/o; mkdir $PLACE/o/upper $PLACE/o/work; "
        "mount -t overlay -o lowerdir=$BUNDLE,upperdir=$PLACE/o/upper,workdir=$PLACE/o/work overlay $BUNDLE",
    ),
    "a bundle that is read-only, nosuid and nodev": (
        "",
        "mount --bind $BUNDLE $BUNDLE; mount -o remount,bind,ro,nosuid,nodev $BUNDLE",
    ),
    "a bundle that is unbindable": ("", "mount --bind $BUNDLE $BUNDLE; mount --make-unbindable $BUNDLE"),
    "all mounts shared": ("", "mount --make-rshared /"),
    "a clock of its own": ("unshare --time --boottime 100000 --monotonic 100000", ""),
    "a clock that was set back": ("unshare --time --boottime -100 --monotonic -100", ""),
    "no CAP_MKNOD": ("setpriv --bounding-set=-mknod", ""),
    "no CAP_KILL": ("setpriv --bounding-set=-kill", ""),
}


def run_in(runtime: Runtime, bundle: Bundle, place: Path, around: str, before: str) -> Result:
    """`pyoci run` of a container that says hello, in a mount namespace of its own."""
    for tool in ("unshare", "setpriv"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    bundle.process["args"] = ["/bin/echo", "hello"]
    script = f'mount --make-rprivate /; PLACE={place} BUNDLE={bundle.path}; {before or ":"}; exec {around} "$@"'
    inside = Runtime(["unshare", "--mount", "sh", "-ec", script, "sh", *runtime.command], runtime.place)
    inside.root = place / "root"
    return inside.run(bundle, name=runtime.add(bundle))


@pytest.mark.beyond_runc("runc 1.1.5 fails without one capability, or hangs")
@pytest.mark.parametrize("kind", ACCEPTED)
def test_works(runtime: Runtime, bundle: Bundle, scratch: Path, kind: str) -> None:
    result = run_in(runtime, bundle, scratch, *ACCEPTED[kind])
    assert (result.stdout, result.status) == ("hello\n", 0), result.stderr


@pytest.mark.parametrize("kind", REFUSED)
def test_says_what_is_missing(runtime: Runtime, bundle: Bundle, scratch: Path, kind: str) -> None:
    *how, words = REFUSED[kind]
    result = run_in(runtime, bundle, scratch, *how)
    assert result.status != 0
    assert any(word in result.stderr for word in words.split("|")), result.stderr
    assert not list((scratch / "root").glob("*")), "an entry is left"


@pytest.mark.parametrize("size", [1000, 4096, 1 << 16])
def test_a_limit_for_the_size_of_files(runtime: Runtime, bundle: Bundle, size: int) -> None:
    """RLIMIT_FSIZE: what the runtime writes is small; where it is too large even so, the limit is named."""
    bundle.process["args"] = ["/bin/echo", "hello"]
    result = runtime.run(bundle, preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    if result.status == 0:
        assert result.stdout == "hello\n"
    else:
        assert "(EFBIG); the caller's limit for the size of a file is too low (ulimit -f)" in result.stderr
        assert not list(runtime.root.glob("*"))


class TestStateRoot:
    """Folders that --root may name."""

    def run(self, runtime: Runtime, bundle: Bundle, root: Path) -> Result:
        bundle.process["args"] = ["/bin/echo", "hello"]
        runtime.root = root
        return runtime.run(bundle)

    @pytest.mark.parametrize("name", ['a b\nc\t"d\\', "\udcff\udcfe", "x/" * 40 + "d" * 200, "-", "%s"])
    def test_a_name_with_any_character(self, runtime: Runtime, bundle: Bundle, scratch: Path, name: str) -> None:
        assert self.run(runtime, bundle, scratch / name).stdout == "hello\n"

    def test_a_link(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        (scratch / "real").mkdir()
        (scratch / "link").symlink_to("real")
        assert self.run(runtime, bundle, scratch / "link").stdout == "hello\n"

    def test_a_link_that_leads_nowhere(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        (scratch / "link").symlink_to("nowhere")
        said = self.run(runtime, bundle, scratch / "link").stderr
        assert f"make {scratch}/link: it is a link to a folder that is not there" in said

    @pytest.mark.parametrize("inodes", range(1, 12))
    def test_a_disk_that_fills_up(self, runtime: Runtime, bundle: Bundle, scratch: Path, inodes: int) -> None:
        """At each step: it works, or the error says why, and nothing is left."""
        full = scratch / "full"
        before = f"mkdir -p {full}; mount -t tmpfs -o nr_inodes={inodes} tmpfs {full}"
        after = f'"$@" || {{ status=$?; ls -A {full}; exit $status; }}'
        script = f"mount --make-rprivate /; {before}; {after}"
        inside = Runtime(["unshare", "--mount", "sh", "-ec", script, "sh", *runtime.command], runtime.place)
        inside.root = full
        bundle.process["args"] = ["/bin/echo", "hello"]
        result = inside.run(bundle, name=runtime.add(bundle))
        if result.status == 0:
            assert result.stdout == "hello\n"
        else:
            assert "no space left on device (ENOSPC)" in result.stderr
            assert result.stdout == "", "files are left"
