"""config-linux.md, Namespaces: a user namespace joined by path, and new ones in it."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


def test_a_user_namespace_of_another_container(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
    first, second = new_bundle(), new_bundle()
    first.user_namespace()
    holder = runtime.create(first)
    second.user_namespace()
    second.namespace("user", f"/proc/{holder.pid}/ns/user")
    for kind in ("uidMappings", "gidMappings"):
        del second.linux[kind]
    joined = runtime.call("create", "--bundle", str(second.path), name := runtime.add(second))
    if joined.status != 0 and not runtime.is_pyoci:
        pytest.skip(f"runc 1.1 wants mappings with it: {joined.stderr}")
    assert joined.status == 0, joined.stderr
    pid = runtime.state(name)["pid"]
    assert os.readlink(f"/proc/{pid}/ns/user") == holder.namespace("user")


def test_with_the_other_namespaces_of_that_container(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
    first, second = new_bundle(), new_bundle()
    first.user_namespace()
    holder = runtime.create(first)
    second.user_namespace()
    for kind, file in (("user", "user"), ("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid")):
        second.namespace(kind, f"/proc/{holder.pid}/ns/{file}")
    for kind in ("uidMappings", "gidMappings"):
        del second.linux[kind]
    name = runtime.add(second)
    joined = runtime.call("create", "--bundle", str(second.path), name)
    if joined.status != 0 and not runtime.is_pyoci:
        pytest.skip(f"runc 1.1 wants mappings with it: {joined.stderr}")
    assert joined.status == 0, joined.stderr
    pid = runtime.state(name)["pid"]
    for file in ("user", "net", "ipc", "uts", "pid"):
        assert os.readlink(f"/proc/{pid}/ns/{file}") == holder.namespace(file)


def test_new_namespaces_belong_to_the_new_user_namespace(runtime: Runtime, bundle: Bundle) -> None:
    bundle.user_namespace()
    bundle.config["hostname"] = "mine"
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.process["capabilities"] = {
        name: ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"] for name in ("bounding", "effective", "permitted")
    }
    script = "hostname; hostname other; hostname; ip link set lo up; cat /proc/sys/net/ipv4/ip_forward"
    assert runtime.sh(bundle, script).split() == ["mine", "other", "1"]
