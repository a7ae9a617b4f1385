"""`linux.netDevices`: the host's network devices in the container."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Container, Runtime

pytestmark = pytest.mark.beyond_runc("linux.netDevices came with spec 1.3")
Ip = Callable[..., str]


@pytest.fixture
def ip(runtime: Runtime, namespace_holder: Callable[..., int]) -> Ip:
    """ip(8) in a network namespace that is the runtime's for this test, with two ends of a pair in it."""
    enter = ["nsenter", f"--net=/proc/{namespace_holder('net')}/ns/net"]

    def call(*words: str) -> str:
        return subprocess.run([*enter, "ip", *words], check=True, capture_output=True, text=True).stdout

    runtime.command = [*enter, *runtime.command]
    call("link", "add", "out0", "type", "veth", "peer", "name", "out1")
    call("addr", "add", "192.0.2.1/24", "dev", "out0")
    call("addr", "add", "2001:db8::1/64", "dev", "out0", "nodad")
    return call


def inside(container: Container, *words: str) -> str:
    """The host's ip(8) in the container's network namespace: busybox shows less."""
    enter = ["nsenter", f"--net=/proc/{container.pid}/ns/net", "ip", *words]
    return subprocess.run(enter, check=True, capture_output=True, text=True).stdout


def test_moved_with_its_permanent_addresses_and_up(runtime: Runtime, bundle: Bundle, ip: Ip) -> None:
    bundle.linux["netDevices"] = {"out0": {}}
    found = runtime.sh(bundle, "ip addr show out0")
    assert "192.0.2.1/24" in found
    assert "2001:db8::1/64" in found
    assert ",UP" in found
    assert "out0" not in ip("link")


ADDRESSES = {
    "with a peer": ("10.0.0.1 peer 10.0.0.2",) * 2,
    "with a broadcast address": ("203.0.113.1/24 broadcast 203.0.113.255", "203.0.113.1/24 brd 203.0.113.255"),
    "with a metric": ("203.0.113.1/24 metric 77",) * 2,
    "without a route": ("203.0.113.1/24 noprefixroute", "203.0.113.1/24 scope global noprefixroute"),
    "with a label": ("203.0.113.1/24 label out0:1", "203.0.113.1/24 scope global inside0:1"),
    "of version 6 with a peer": ("2001:db8:1::1 peer 2001:db8:1::2 nodad", "2001:db8:1::1 peer 2001:db8:1::2/128"),
    "of version 6, not preferred": (
        "2001:db8:1::1/64 nodad preferred_lft 0",
        "2001:db8:1::1/64 scope global nodad deprecated",
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ADDRESSES)
def test_what_an_address_has_is_kept(runtime: Runtime, bundle: Bundle, ip: Ip, kind: str) -> None:
    added, shown = ADDRESSES[kind]
    ip("addr", "add", *added.split(), "dev", "out0")
    assert shown.replace("inside0", "out0") in ip("addr"), "the kernel has it so"
    bundle.linux["netDevices"] = {"out0": {"name": "inside0"}}
    bundle.sleeps()
    container = runtime.start(bundle)
    assert shown in inside(container, "addr", "show", "inside0")
    container.delete("--force")


@pytest.mark.parametrize("words", ["2001:db8:1::1/64 valid_lft 1000 preferred_lft 900", "203.0.113.1/24 scope link"])
def test_addresses_of_this_place_and_of_this_hour_stay_behind(
    runtime: Runtime, bundle: Bundle, ip: Ip, words: str
) -> None:
    """Only permanent ones with global scope go with it."""
    ip("addr", "add", *words.split(), "dev", "out0")
    bundle.linux["netDevices"] = {"out0": {}}
    bundle.sleeps()
    container = runtime.start(bundle)
    found = inside(container, "addr", "show", "out0")
    assert "192.0.2.1/24" in found
    assert words.partition("/")[0] not in found
    container.delete("--force")


def test_what_the_link_has_is_kept(runtime: Runtime, bundle: Bundle, ip: Ip) -> None:
    ip("link", "set", "out0", "mtu", "1400", "txqueuelen", "77", "address", "02:00:00:00:00:77", "alias", "words")
    bundle.linux["netDevices"] = {"out0": {"name": "inside0"}}
    bundle.sleeps()
    container = runtime.start(bundle)
    found = inside(container, "link", "show", "inside0")
    for words in ("mtu 1400", "qlen 77", "02:00:00:00:00:77", "alias words"):
        assert words in found
    container.delete("--force")


def test_delete_leaves_a_device_where_it_is(
    runtime: Runtime, bundle: Bundle, ip: Ip, namespace_holder: Callable[..., int]
) -> None:
    """What becomes of it is the kernel's business, and that of whoever owns the network namespace."""
    holder = namespace_holder("net")
    bundle.namespace("network", f"/proc/{holder}/ns/net")
    bundle.linux["netDevices"] = {"out0": {"name": "inside0"}}
    runtime.run(bundle)
    enter = ["nsenter", f"--net=/proc/{holder}/ns/net", "ip", "addr", "show", "inside0"]
    found = subprocess.run(enter, check=True, capture_output=True, text=True).stdout
    assert "192.0.2.1/24" in found and ",UP" in found
    assert "out0@" not in ip("link")


@pytest.mark.usefixtures("ip")
def test_renamed(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["netDevices"] = {"out0": {"name": "inside0"}}
    assert "inside0" in runtime.sh(bundle, "ip link")


@pytest.mark.usefixtures("ip")
def test_no_further_process_is_made(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    """A fork of the runtime has its handlers of signals: what ends it makes it undo what the runtime does."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    bundle.process["args"] = ["/bin/true"]
    made = []
    for moved in (False, True):
        bundle.linux["netDevices"] = {"out0": {}} if moved else {}
        bundle.write()
        words = runtime.arguments("run", "--bundle", str(bundle.path), runtime.add(bundle))
        trace = ["strace", "-f", "-qq", "-o", str(scratch / "trace"), "-e", "trace=clone,clone3,fork,vfork"]
        subprocess.run([*trace, *words], check=True, stdin=subprocess.DEVNULL, timeout=TIME_LIMIT)
        made.append(len((scratch / "trace").read_text().splitlines()))
    assert made[0] > 0
    assert made[1] == made[0]


@pytest.mark.usefixtures("ip")
def test_a_template_lets_the_kernel_choose_the_number(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["netDevices"] = {"out0": {"name": "net%d"}}
    assert "net0" in runtime.sh(bundle, "ip link")


def test_a_name_that_is_taken_is_an_error(runtime: Runtime, bundle: Bundle, ip: Ip) -> None:
    bundle.linux["netDevices"] = {"out0": {"name": "lo"}}
    assert "lo" in runtime.refuses(bundle)
    assert "out0" in ip("link")


@pytest.mark.usefixtures("ip")
def test_a_device_that_is_not_there_is_an_error(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["netDevices"] = {"missing0": {}}
    assert "missing0" in runtime.refuses(bundle)


def host_side(ip: Ip) -> list[str]:
    """What can be lost: names, addresses, and which are up."""
    links = [line.split()[1:3] for line in ip("-o", "link").splitlines()]
    lines = [line.replace(" tentative", "") for line in ip("-o", "addr").splitlines() if "fe80:" not in line]
    addresses = [" ".join(line.split()[1:]) for line in lines]
    return sorted([f"{name} {'UP' in flags}" for name, flags in links] + addresses)


TMPFS = {"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"}
FAILURES: dict[str, Callable[[Bundle], None]] = {
    "a device is missing": lambda bundle: bundle.linux["netDevices"].update(missing0={}),
    "a name is taken": lambda bundle: bundle.linux["netDevices"].update(out1={"name": "lo"}),
    "a device cannot be moved": lambda bundle: bundle.linux["netDevices"].update(lo={"name": "inside1"}),
    "one device by two names": lambda bundle: bundle.linux["netDevices"].update(other0={"name": "inside1"}),
    "a mount fails": lambda bundle: bundle.config["mounts"].append({**TMPFS, "options": ["size=nothing"]}),
    "a hook fails": lambda bundle: bundle.hook("createRuntime", "exit 3"),
    "a later hook fails": lambda bundle: bundle.hook("createContainer", "exit 3"),
    "there is no such program": lambda bundle: bundle.process.update(args=["/nowhere"]),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_create_that_fails_gives_all_of_them_back(runtime: Runtime, bundle: Bundle, ip: Ip, failure: str) -> None:
    """The kernel would delete a virtual one with the network namespace, and of a real one forget the addresses."""
    ip("link", "set", "out0", "up")
    for added, _ in ADDRESSES.values():
        ip("addr", "replace", *added.split(), "dev", "out0")
    ip("link", "property", "add", "dev", "out0", "altname", "other0")
    before = host_side(ip)
    bundle.linux["netDevices"] = {"out0": {"name": "inside0"}}
    FAILURES[failure](bundle)
    words = runtime.refuses(bundle)
    assert "(22," not in words
    assert "warning" not in words
    assert host_side(ip) == before


def test_a_device_that_is_moved_and_not_renamed(runtime: Runtime, bundle: Bundle, ip: Ip) -> None:
    """The kernel moves it first, and then finds that the name is taken: by the device itself."""
    ip("link", "property", "add", "dev", "out0", "altname", "other0")
    bundle.linux["netDevices"] = {"other0": {}}
    before = host_side(ip)
    assert "EEXIST" in runtime.refuses(bundle)
    assert host_side(ip) == before
