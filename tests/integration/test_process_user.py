"""config.md, User."""

from __future__ import annotations

import os

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def test_uid_and_gid(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1234, "gid": 4321}
    rows = dict(line.split(":", 1) for line in runtime.sh(bundle, "grep '^[UG]id' /proc/self/status").splitlines())
    assert rows["Uid"].split() == ["1234"] * 4
    assert rows["Gid"].split() == ["4321"] * 4


def test_the_callers_groups_are_dropped(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1234, "gid": 4321}
    bundle.sh("id -G")
    assert runtime.run(bundle, preexec=lambda: os.setgroups([7, 8])).stdout.split() == ["4321"]


@pytest.mark.parametrize("umask", [0, 0o22, 0o77])
def test_umask(runtime: Runtime, bundle: Bundle, umask: int) -> None:
    bundle.process["user"]["umask"] = umask
    assert int(runtime.sh(bundle, "umask"), 8) == umask


def test_without_umask_it_is_the_callers_or_0022(runtime: Runtime, bundle: Bundle) -> None:
    # The spec wants the caller's; runc and crun give 0022, since containerd's shim has 0.
    bundle.sh("umask")
    assert int(runtime.run(bundle, preexec=lambda: os.umask(0o27) and None).stdout, 8) in (0o27, 0o22)


def test_another_user_may_open_its_standard_streams(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = {}
    runtime.sh(bundle, "echo out > /dev/stdout; echo err > /dev/stderr")


def test_a_user_who_may_not_execute_the_program(runtime: Runtime, bundle: Bundle) -> None:
    (bundle.rootfs / "bin/busybox").chmod(0o700)
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = {}
    assert "permission denied" in runtime.run(bundle).stderr


@pytest.mark.parametrize("user", [{"uid": -1, "gid": 0}, {"uid": 0, "gid": 2**32}, {"uid": "root", "gid": 0}])
def test_what_is_no_id_is_refused(runtime: Runtime, bundle: Bundle, user: dict[str, object]) -> None:
    bundle.process["user"] = user
    runtime.refuses(bundle)
