"""config-linux.md, User namespace mappings."""

from __future__ import annotations

import os

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def rows(text: str) -> list[list[int]]:
    return [[int(word) for word in line.split()] for line in text.splitlines()]


def test_one_range(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace(host_id=100000, size=1000)
    container = runtime.create(bundle)
    assert rows(container.proc("uid_map")) == rows(container.proc("gid_map")) == [[0, 100000, 1000]]


def test_several_ranges_and_other_groups(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    bundle.linux["uidMappings"] = [
        {"containerID": 0, "hostID": 100000, "size": 10},
        {"containerID": 20, "hostID": 200000, "size": 5},
    ]
    bundle.linux["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    container = runtime.create(bundle)
    assert rows(container.proc("uid_map")) == [[0, 100000, 10], [20, 200000, 5]]
    assert rows(container.proc("gid_map")) == [[0, 100000, 65536]]


def test_many_ranges(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    ranges = [{"containerID": 2 * n, "hostID": 100000 + 2 * n, "size": 1} for n in range(200)]
    bundle.linux["uidMappings"] = ranges
    assert len(rows(runtime.create(bundle).proc("uid_map"))) == 200


def test_root_inside_is_another_user_outside(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace(host_id=123000)
    bundle.sh("id -u; sleep 60")
    container = runtime.start(bundle)
    assert os.stat(f"/proc/{container.pid}").st_uid == 123000


def test_process_user_is_one_of_the_mapped(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    bundle.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5, 6]}
    assert runtime.sh(bundle, "id -u; id -g; id -G").split() == ["1000", "1000", "1000", "5", "6"]


def test_a_user_that_is_not_mapped_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace(size=100)
    bundle.process["user"] = {"uid": 100, "gid": 0}
    runtime.refuses(bundle)


def test_ranges_that_overlap_are_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    bundle.linux["uidMappings"].append({"containerID": 10, "hostID": 300000, "size": 1})
    runtime.refuses(bundle)


@pytest.mark.beyond_runc("runc 1.1 ignores them")
def test_mappings_without_a_user_namespace_are_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    bundle.no_namespace("user")
    runtime.refuses(bundle)


def test_a_new_user_namespace_without_mappings_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.namespace("user")
    runtime.refuses(bundle)
