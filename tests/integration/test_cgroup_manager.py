"""--cgroup-manager: who makes the cgroups. podman says `disabled` for `--cgroups=disabled`."""

from __future__ import annotations

import os

import pytest
from helpers import cgroup, cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("an option of crun")
DISABLED = ["--cgroup-manager", "disabled"]


def test_disabled_leaves_the_container_in_the_callers_cgroup(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.create(bundle, options=DISABLED).start()
    assert cgroup.of_process(container.pid) == cgroup.of_process(os.getpid())
    assert not cgroup_files.every(bundle.cgroups_path)
    assert container.exec("/bin/true").status == 0
    assert container.status == "running"
    container.kill("KILL")
    container.wait()
    container.delete()


def test_what_needs_a_cgroup_is_refused_with_a_way_out(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    bundle.linux["namespaces"] = [entry for entry in bundle.linux["namespaces"] if entry["type"] != "pid"]
    container = runtime.create(bundle, options=DISABLED).start()
    for words in (
        ["pause", container.id],
        ["ps", container.id],
        ["update", "--pids-limit", "5", container.id],
        ["events", "--stats", container.id],
        ["events", container.id],
        ["kill", "--all", container.id, "TERM"],
        ["exec", "--cgroup", "x", container.id, "/bin/true"],
    ):
        said = runtime.fails(*words)
        assert "it was made without a cgroup; make it again without --cgroup-manager disabled" in said, (words, said)
    container.delete("--force")
    container.wait()


def test_disabled_with_limits_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["resources"]["memory"] = {"limit": 64 << 20}
    words = runtime.refuses(bundle, options=DISABLED)
    assert "/linux/resources/memory/limit: cannot be applied with --cgroup-manager disabled" in words


def test_disabled_with_a_cgroup_mount(runtime: Runtime, bundle: Bundle) -> None:
    bundle.mount("/sys/fs/cgroup", "cgroup", ["ro"])
    bundle.process["args"] = ["/bin/sh", "-c", "mkdir /sys/fs/cgroup/x 2>/dev/null || echo read-only"]
    assert runtime.run(bundle, options=DISABLED).stdout == "read-only\n"


def test_cgroupfs_is_the_default(runtime: Runtime, bundle: Bundle) -> None:
    container = runtime.create(bundle, options=["--cgroup-manager=cgroupfs"])
    assert set(cgroup.of_process(container.pid).values()) == {bundle.cgroups_path}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cgroup-manager", "openrc"], "'openrc' is not one of cgroupfs, systemd, disabled"),
        (["--cgroup-manager=disabled", "--systemd-cgroup"], "exclude each other"),
    ],
)
def test_other_words_are_refused(runtime: Runtime, bundle: Bundle, options: list[str], words: str) -> None:
    assert words in runtime.refuses(bundle, options=options)
