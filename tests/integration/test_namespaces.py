"""config-linux.md, Namespaces."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest
from helpers.bundle import Bundle
from helpers.filtered import before_linux_6_18
from helpers.runtime import Runtime

# The spec's name of the type, and its file in /proc/PID/ns.
FILES = {"pid": "pid", "network": "net", "mount": "mnt", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup"}
# The same, as unshare(1) calls it.
OPTIONS = {"pid": "pid", "network": "net", "mount": "mount", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup"}


def own(kind: str) -> str:
    return os.readlink(f"/proc/self/ns/{FILES[kind]}")


@pytest.mark.parametrize("kind", FILES)
def test_a_type_without_a_path_is_a_new_namespace(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.namespace(kind)
    container = runtime.create(bundle)
    assert container.namespace(FILES[kind]) != own(kind)


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "cgroup"])
def test_a_type_not_listed_is_the_runtimes_namespace(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    bundle.no_namespace(kind)
    if kind == "network":  # sysfs can only be mounted by the owner of the network namespace
        bundle.config["mounts"] = [entry for entry in bundle.config["mounts"] if entry["type"] != "sysfs"]
    container = runtime.create(bundle)
    assert container.namespace(FILES[kind]) == own(kind)


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "cgroup"])
def test_a_path_is_joined(runtime: Runtime, bundle: Bundle, namespace_holder: Callable[..., int], kind: str) -> None:
    path = f"/proc/{namespace_holder(OPTIONS[kind])}/ns/{FILES[kind]}"
    bundle.namespace(kind, path)
    container = runtime.create(bundle)
    assert container.namespace(FILES[kind]) == os.readlink(path) != own(kind)


@pytest.mark.beyond_runc("runc 1.1 finds no /proc of its own there")
def test_a_mount_namespace_is_joined(runtime: Runtime, bundle: Bundle, namespace_holder: Callable[..., int]) -> None:
    path = f"/proc/{namespace_holder('mount')}/ns/mnt"
    bundle.namespace("mount", path)
    container = runtime.create(bundle)
    assert container.namespace("mnt") == os.readlink(path) != own("mount")


@pytest.mark.beyond_runc("replaces the root of all that are in it")
def test_others_in_a_joined_mount_namespace_keep_their_root(
    runtime: Runtime, bundle: Bundle, namespace_holder: Callable[..., int]
) -> None:
    holder = namespace_holder("mount")
    bundle.namespace("mount", f"/proc/{holder}/ns/mnt")
    bundle.sleeps()
    runtime.start(bundle)
    assert os.path.samefile(f"/proc/{holder}/root/etc/passwd", "/etc/passwd")


@pytest.mark.beyond_runc("runc 1.1 mounts into the runtime's namespace and leaves it so")
def test_without_a_mount_namespace_the_root_is_changed_only(runtime: Runtime, bundle: Bundle) -> None:
    bundle.no_namespace("mount")
    bundle.config["mounts"] = []
    bundle.sh("ls /; sleep 60")
    container = runtime.start(bundle)
    assert container.namespace("mnt") == own("mount")
    assert os.stat(f"/proc/{container.pid}/root").st_ino == bundle.rootfs.stat().st_ino


def test_every_path_of_another_container_is_joined(runtime: Runtime, new_bundle: Callable[[], Bundle]) -> None:
    first = runtime.create(new_bundle())
    bundle = new_bundle()
    joined = ("pid", "network", "ipc", "uts")
    for kind in joined:
        bundle.namespace(kind, f"/proc/{first.pid}/ns/{FILES[kind]}")
    second = runtime.create(bundle)
    assert [second.namespace(FILES[kind]) for kind in joined] == [first.namespace(FILES[kind]) for kind in joined]
    assert second.namespace("mnt") != first.namespace("mnt")


def test_first_process_of_a_new_pid_namespace(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "echo $$") == "1"


def test_the_network_of_a_new_namespace_is_only_loopback(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "ls /sys/class/net") == "lo"


def test_loopback_is_up_in_a_new_network_namespace(runtime: Runtime, bundle: Bundle) -> None:
    """Programs that speak to themselves need it, and without CAP_NET_ADMIN they cannot bring it up."""
    assert "LOOPBACK,UP" in runtime.sh(bundle, "ip addr show lo")
    assert "inet 127.0.0.1/8" in runtime.sh(bundle, "ip addr show lo")


@pytest.mark.parametrize("kind", FILES)
def test_a_path_of_another_type_is_refused(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    other = "uts" if kind != "uts" else "ipc"
    bundle.namespace(kind, f"/proc/self/ns/{FILES[other]}")
    runtime.refuses(bundle)


@pytest.mark.parametrize("path", ["/proc/self/ns/none", "/etc/passwd", "proc/self/ns/ipc"])
def test_a_path_that_is_no_namespace_is_refused(runtime: Runtime, bundle: Bundle, path: str) -> None:
    bundle.namespace("ipc", path)
    runtime.refuses(bundle)


def test_a_type_given_twice_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["namespaces"].append({"type": "ipc"})
    runtime.refuses(bundle)


def test_an_unknown_type_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.namespace("galaxy")
    assert "galaxy" in runtime.refuses(bundle)


def test_an_empty_path_is_a_new_namespace(runtime: Runtime, bundle: Bundle) -> None:
    for entry in bundle.linux["namespaces"]:
        entry["path"] = ""
    container = runtime.create(bundle)
    assert container.namespace("uts") != os.readlink("/proc/self/ns/uts")


def test_options_that_a_procfs_of_a_joined_pid_namespace_cannot_have(
    runtime: Runtime, bundle: Bundle, namespace_holder: Callable[..., int]
) -> None:
    """Only fsconfig(2) makes one that shows another namespace than that of its maker."""
    bundle.namespace("pid", f"/proc/{namespace_holder('pid')}/ns/pid")
    (entry,) = [entry for entry in bundle.config["mounts"] if entry["type"] == "proc"]
    entry["options"] = ["mand"]
    assert "mount type=proc dst=/proc: in a joined PID namespace" in runtime.refuses(bundle)
    entry["options"] = ["nosuid"]
    assert "1" in runtime.sh(bundle, "ls /proc").split()


def test_a_procfs_of_a_joined_pid_namespace_before_linux_6_18(
    runtime: Runtime, bundle: Bundle, namespace_holder: Callable[..., int]
) -> None:
    """That release lets whoever opens a procfs name the namespace; before, a process in it opens each of them."""
    holder = namespace_holder("pid")
    bundle.namespace("pid", f"/proc/{holder}/ns/pid")
    (bundle.rootfs / "other").mkdir()
    bundle.mount("/other", "proc")
    shown = runtime.sh(bundle, "readlink /proc/self; cat /proc/1/cmdline /other/1/cmdline", preexec=before_linux_6_18())
    own, first = shown.split("\n")
    assert first == 2 * "sleep\x00300\x00"
    assert int(own) < 20, "that is its number in another namespace"


@pytest.mark.beyond_runc("it says ENOSPC alone")
@pytest.mark.parametrize("kind", ["pid", "mnt", "net", "ipc", "uts", "cgroup", "user"])
def test_a_machine_that_allows_none_is_named(runtime: Runtime, bundle: Bundle, kind: str) -> None:
    """user_namespaces(7): /proc/sys/user has limits of the user namespace that reads it, here one of the test's own."""
    bundle.namespace("cgroup")
    bundle.namespace("user")
    for name in ("uidMappings", "gidMappings"):
        bundle.linux[name] = [{"containerID": 0, "hostID": 0, "size": 1}]
    del bundle.linux["cgroupsPath"], bundle.linux["resources"]
    bundle.write()
    command = " ".join(
        runtime.arguments(
            "run", "--bundle", str(bundle.path), runtime.add(bundle), options=["--cgroup-manager=disabled"]
        )
    )
    script = f"echo 0 > /proc/sys/user/max_{kind}_namespaces; exec {command}"
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", script], capture_output=True)
    assert f"/proc/sys/user/max_{kind}_namespaces is 0" in done.stderr.decode()


def test_a_namespace_of_another_type_is_named(runtime: Runtime, bundle: Bundle) -> None:
    bundle.namespace("network", "/proc/self/ns/ipc")
    assert "join network namespace /proc/self/ns/ipc: it is a namespace of type ipc;" in runtime.refuses(bundle)
