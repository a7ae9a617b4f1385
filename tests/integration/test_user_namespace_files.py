"""config-linux.md, user namespace: who owns what, inside and outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import sandbox
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def test_new_files_belong_to_the_mapped_user(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace(host_id=100000)
    runtime.sh(bundle, "touch /tmp/fact; chown 5:6 /tmp/fact")
    facts = (bundle.rootfs / "tmp/fact").stat()
    assert (facts.st_uid, facts.st_gid) == (100005, 100006)


def test_the_runtime_does_not_change_owners(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace(host_id=100000)
    (bundle.rootfs / "etc/of-another").write_text("")
    runtime.sh(bundle, "true")
    assert (bundle.rootfs / "etc/of-another").stat().st_uid == 0


def test_a_file_of_a_user_who_is_not_mapped(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace(host_id=100000)
    (bundle.rootfs / "etc/of-another").write_text("")
    assert runtime.sh(bundle, "stat -c %u /etc/of-another") == "65534"


def test_every_mount_of_the_usual_config(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    mounts = runtime.create(bundle).mounts()
    assert {"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"} <= set(mounts)


@pytest.mark.beyond_runc("with runc it belongs to the container's root")
def test_the_queues_of_a_new_namespace_belong_to_nobody(runtime: Runtime, bundle: Bundle) -> None:
    """docs/differences.md: it is mounted by the process that clone3(2) has just made, before an ID is mapped."""
    bundle.user_namespace()
    assert runtime.sh(bundle, "stat -c %u:%g:%a /dev/mqueue") == "65534:65534:1777"


@pytest.mark.beyond_runc("runc 1.1.5 fails with EPERM")
def test_a_read_only_bind_of_a_mount_with_flags(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    # In a user namespace these flags are locked: a remount that dropped them would be refused.
    (scratch / "source").mkdir()
    bundle.user_namespace()
    bundle.bind(scratch / "source", "/mnt", "ro")
    with sandbox.mounted("-t", "tmpfs", "-o", "nosuid,nodev,noexec", "tmpfs", at=scratch / "source"):
        options = runtime.create(bundle).mounts()["/mnt"].options
    assert {"ro", "nosuid", "nodev", "noexec"} <= options


def test_a_bind_of_a_folder_that_only_root_may_enter(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    private = scratch / "private"
    (private / "source").mkdir(parents=True)
    (private / "source/fact").write_text("reached")
    private.chmod(0o700)
    bundle.user_namespace()
    bundle.bind(private / "source", "/mnt")
    assert runtime.sh(bundle, "cat /mnt/fact") == "reached"


def test_masked_and_readonly_paths(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    bundle.linux["maskedPaths"] = ["/proc/version", "/etc"]
    bundle.linux["readonlyPaths"] = ["/proc/sys", "/tmp"]
    words = runtime.sh(bundle, "cat /proc/version; ls /etc; touch /tmp/x 2>&1 || true")
    assert words.endswith("Read-only file system")
    assert len(words.splitlines()) == 1


def test_the_terminal_and_streams_are_usable(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    assert runtime.sh(bundle, "echo out > /dev/stdout") == "out"


def test_the_process_has_no_power_over_the_machine(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    container = runtime.create(bundle)
    assert container.namespace("user") != os.readlink("/proc/self/ns/user")
    status = dict(line.split(":\t", 1) for line in container.proc("status").splitlines() if ":\t" in line)
    assert status["Uid"].split()[0] == "100000"
