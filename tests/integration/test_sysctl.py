"""config-linux.md, Sysctl."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime


@pytest.mark.parametrize(
    "name, value",
    [
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv4.ip_local_port_range", "4000 5000"),
        ("kernel.shm_rmid_forced", "1"),
        ("kernel.msgmax", "8200"),
        ("kernel.sem", "250 32000 32 128"),
        ("fs.mqueue.msg_max", "11"),
        ("kernel.domainname", "example.test"),
    ],
)
def test_value(runtime: Runtime, bundle: Bundle, name: str, value: str) -> None:
    file = Path("/proc/sys", name.replace(".", "/"))
    before = file.read_text()
    bundle.linux["sysctl"] = {name: value}
    assert runtime.sh(bundle, f"cat {file}").split() == value.split()
    assert file.read_text() == before


def test_with_slashes(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["sysctl"] = {"net/ipv4/ip_forward": "1"}
    assert runtime.sh(bundle, "cat /proc/sys/net/ipv4/ip_forward") == "1"


def test_limits_of_a_user_namespace_of_the_containers_own(runtime: Runtime, bundle: Bundle) -> None:
    """namespaces(7), user.*: the limits of each user namespace are its own, so runc allows them as well."""
    file = Path("/proc/sys/user/max_mnt_namespaces")
    before = file.read_text()
    bundle.user_namespace()
    bundle.linux["sysctl"] = {"user.max_mnt_namespaces": "7"}
    assert runtime.sh(bundle, f"cat {file}") == "7"
    assert file.read_text() == before


def test_it_is_set_although_proc_sys_is_readonly(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.linux["readonlyPaths"] = ["/proc/sys"]
    assert runtime.sh(bundle, "cat /proc/sys/net/ipv4/ip_forward") == "1"


@pytest.mark.parametrize("name", ["kernel.pid_max", "vm.swappiness", "fs.file-max", "kernel.core_pattern"])
def test_one_of_the_whole_machine_is_refused(runtime: Runtime, bundle: Bundle, name: str) -> None:
    file = Path("/proc/sys", name.replace(".", "/"))
    before = file.read_text()
    bundle.linux["sysctl"] = {name: before.strip()}
    assert name in runtime.refuses(bundle)


@pytest.mark.parametrize(
    "name, namespace", [("net.ipv4.ip_forward", "network"), ("kernel.msgmax", "ipc"), ("fs.mqueue.msg_max", "ipc")]
)
def test_without_the_namespace_it_is_refused(runtime: Runtime, bundle: Bundle, name: str, namespace: str) -> None:
    bundle.no_namespace(namespace)
    bundle.linux["sysctl"] = {name: Path("/proc/sys", name.replace(".", "/")).read_text().strip()}
    assert name in runtime.refuses(bundle)


def test_a_name_that_leaves_proc_sys_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["sysctl"] = {"net/../../self/oom_score_adj": "7"}
    runtime.refuses(bundle)


def test_an_unknown_name_is_refused(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["sysctl"] = {"net.ipv4.no_such_thing": "1"}
    runtime.refuses(bundle)


def test_a_value_that_the_kernel_refuses(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "perhaps"}
    assert "ip_forward" in runtime.refuses(bundle)


@pytest.mark.beyond_runc("runc does not look how much of it was taken")
@pytest.mark.parametrize(
    "name, value",
    [
        ("kernel.msgmax", "100 200"),
        ("kernel.msgmax", "100\n200"),
        ("kernel.msgmax", ""),
        ("kernel.msgmax", "   "),
        ("kernel.sem", "250 32000 32 128 99"),
        ("kernel.domainname", "d" * 65),
        ("kernel.domainname", "one\ntwo"),
        ("net.ipv4.ip_local_port_range", "1000 2000 3000"),
    ],
)
def test_a_value_that_the_kernel_would_cut(runtime: Runtime, bundle: Bundle, name: str, value: str) -> None:
    """It takes as many numbers as the parameter has, or 64 bytes, and says that all is well."""
    bundle.linux["sysctl"] = {name: value}
    words = runtime.refuses(bundle)
    assert name in words
    assert "has no sysctl" not in words


@pytest.mark.parametrize("name", ["net/ipv4/conf/lo.5/forwarding", "net.ipv4/ip_forward"])
def test_a_name_that_is_missing_is_told_so_that_it_can_be_found(runtime: Runtime, bundle: Bundle, name: str) -> None:
    """sysctl(8): the first separator counts. A dot in a part of the name is no separator in the message either."""
    bundle.linux["sysctl"] = {name: "1"}
    slashes = name if name.find("/") < name.find(".") else "net/ipv4.ip_forward"
    assert f"set sysctl {slashes} to" in runtime.refuses(bundle)


@pytest.mark.beyond_runc("runc passes on what the kernel says")
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("net.core.rmem_max", "212992", "(EACCES); only the host's own network namespace may change it"),
        (
            "net.core.netdev_max_backlog",
            "2000",
            "(ENOENT); the host has it, and a namespace of the container's own has",
        ),
        ("net.ipv4.tcp_mem", "1 2 3", "(ENOENT); the host has it, and a namespace of the container's own has not"),
        ("net.ipv4.tcp_available_congestion_control", "reno", "(EACCES); the kernel lets nobody write it"),
        ("net.ipv4.tcp_congestion_control", "none-such", "(ENOENT); available are reno"),
        ("net.ipv4.conf.eth7.forwarding", "1", "(ENOENT); the container has no network device eth7"),
        ("net.ipv4.conf.eth7.none_such", "1", "this kernel has no sysctl net.ipv4.conf.eth7.none_such"),
        ("net.core", "1", "(EISDIR); this is a folder of sysctls, and one of them must be named"),
        ("net.core.somaxconn", "-5", "(EINVAL); the host has '"),
    ],
)
def test_why_it_is_refused(runtime: Runtime, bundle: Bundle, name: str, value: str, words: str) -> None:
    """A sysctl that holds for the whole host looks like a wrong value, or like one that the kernel lacks."""
    bundle.linux["sysctl"] = {name: value}
    said = runtime.refuses(bundle)
    assert words in said
    assert ("must have that form" in said) == (value == "-5")
