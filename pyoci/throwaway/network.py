"""A network for a throwaway container: a veth pair, addresses, a route and NAT.

The host's firewall gets one table of our own name, `pyoci_try`, with one rule for the pool of addresses, as long as a
container with a network lives; no other table is touched. Everything is made and removed under the lock of all folders
(`folder.locked`). What is made is written down before: a call that is killed leaves what the next one removes.

    folder/network      the pair of one call
    PLACE/nat-INODE     the table in the network namespace INODE, and what ip_forward was before
"""

from __future__ import annotations

import os
import zlib

from pyoci.errors import PyociError, reason
from pyoci.host.file_text import beginning
from pyoci.kernel import namespace, uapi
from pyoci.throwaway import folder as folders
from pyoci.throwaway import plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TABLE = "pyoci_try"
_CHAIN = "postrouting"
_SRCNAT = 100  # NF_IP_PRI_NAT_SRC
_ACCEPT = 1
_FORWARD = "/proc/sys/net/ipv4/ip_forward"
_SYSTEMD_SERVERS = "/run/systemd/resolve/resolv.conf"
_INTERFACE = "eth0"


def make(place: str, folder: folders.Folder) -> int:
    """A network namespace with a network, which lives as long as the descriptor or a process in it. PyociError."""
    try:
        return _make(place, folder)
    except ImportError:
        raise PyociError("option --net: pyroute2 is not installed: pip install pyroute2") from None
    except OSError as error:
        raise PyociError(f"option --net: {error.filename or 'make the network'}: {reason(error)}") from None


def _make(place: str, folder: folders.Folder) -> int:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    here = _inode()
    try:
        with IPRoute() as host:
            slot = _slot(place, folder.name, _routes(host), here)
            # ifname has 15 characters
            record = {"link": f"pyo-{folder.name.removeprefix('try-')}", "slot": slot, "netns": here}
            folder.remember_network(record)
            addresses = plan.addresses(slot)
            inside = _new_namespace()
            host.link("add", ifname=record["link"], kind="veth", peer={"ifname": _INTERFACE, "net_ns_fd": inside})
            index = host.link_lookup(ifname=record["link"])[0]
            host.addr("add", index=index, address=addresses.host, prefixlen=30)
            host.link("set", index=index, state="up")
        _set_up_inside(inside, addresses)
        _translate(place, here)
    except NetlinkError as error:
        raise PyociError(f"option --net: the kernel refuses: {str(error.args[-1]).lower()}") from None
    return inside


def remove(record: dict[str, Any]) -> None:
    """Take away the pair of one call; no error when it is gone, as it is with the container's namespace."""
    if not record or record.get("netns") != _inode():
        return
    from pyroute2 import IPRoute

    with IPRoute() as host:
        for index in host.link_lookup(ifname=str(record["link"])):
            _quietly(host.link, "del", index=index)


def settle(place: str) -> None:
    """Without a living call that has a network here, take the table away and put ip_forward back."""
    here = _inode()
    note = f"{place}/nat-{here}"
    if not os.path.exists(note) or any(record.get("netns") == here for record in folders.networks(place)):
        return
    _drop_table()
    with open(note) as file:
        former = file.read().strip()
    if former == "0":
        _write(_FORWARD, "0")
    os.unlink(note)


def resolv_conf() -> str:
    """The text for the container's /etc/resolv.conf; empty when the host has no server that it can reach."""
    return plan.resolv_conf(beginning("/etc/resolv.conf"), beginning(_SYSTEMD_SERVERS))


def _slot(place: str, name: str, routes: list[tuple[int, int]], here: int) -> int:
    taken = {record["slot"] for record in folders.networks(place) if record.get("netns") == here}
    slot = plan.free_slot(taken, routes, zlib.crc32(name.encode()))
    if slot is None:
        raise PyociError("option --net: all of 10.231.0.0/16 is in use or routed elsewhere on this host")
    return slot


def _routes(host: Any) -> list[tuple[int, int]]:
    """Destinations of the host's IPv4 routes."""
    routes = []
    for route in host.get_routes(family=2):  # AF_INET
        destination = route.get_attr("RTA_DST")
        if destination:
            number = int.from_bytes(bytes(int(part) for part in destination.split(".")), "big")
            routes.append((number, route["dst_len"]))
    return routes


def _new_namespace() -> int:
    former = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        namespace.unshare(uapi.CLONE_NEWNET, "network namespace")
        new = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        namespace.join(former, uapi.CLONE_NEWNET, "the network namespace from before")
        return new
    finally:
        os.close(former)


def _set_up_inside(inside: int, addresses: plan.Addresses) -> None:
    from pyroute2 import IPRoute

    former = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        namespace.join(inside, uapi.CLONE_NEWNET, "the container's network namespace")
        try:
            with IPRoute() as container:
                for name in ("lo", _INTERFACE):
                    index = container.link_lookup(ifname=name)[0]
                    if name == _INTERFACE:
                        container.addr("add", index=index, address=addresses.container, prefixlen=30)
                    container.link("set", index=index, state="up")
                container.route("add", gateway=addresses.host)
        finally:
            namespace.join(former, uapi.CLONE_NEWNET, "the network namespace from before")
    finally:
        os.close(former)


def _translate(place: str, here: int) -> None:
    """Packets of the pool leave the host with its address, and are forwarded."""
    note = f"{place}/nat-{here}"
    if os.path.exists(note):
        return  # another call's; it was made whole, under the same lock
    former = beginning(_FORWARD)
    with open(note + ".new", "w") as file:
        file.write(former)
    os.rename(note + ".new", note)
    _drop_table()
    from pyroute2.nftables.expressions import ipv4addr, masq
    from pyroute2.nftables.main import NFTables

    firewall = NFTables(nfgen_family=2)  # NFPROTO_IPV4
    try:
        firewall.table("add", name=TABLE)
        hook = {"hook": "postrouting", "priority": _SRCNAT, "type": "nat", "policy": _ACCEPT}
        firewall.chain("add", table=TABLE, name=_CHAIN, **hook)
        pool = f"{plan.POOL[0]}.{plan.POOL[1]}.0.0/16"
        firewall.rule("add", table=TABLE, chain=_CHAIN, expressions=(ipv4addr(src=pool), masq()))
    finally:
        firewall.close()
    if former == "0":
        _write(_FORWARD, "1")


def _drop_table() -> None:
    from pyroute2.nftables.main import NFTables

    firewall = NFTables(nfgen_family=2)
    try:
        _quietly(firewall.table, "del", name=TABLE)
    finally:
        firewall.close()


def _quietly(call: Any, *arguments: str, **keywords: Any) -> None:
    """No error when it is not there."""
    import errno

    from pyroute2.netlink.exceptions import NetlinkError

    try:
        call(*arguments, **keywords)
    except NetlinkError as error:
        if error.code not in (errno.ENOENT, errno.ENODEV):
            raise PyociError(f"remove the network: {str(error.args[-1]).lower()}") from None


def _inode() -> int:
    """The network namespace of this process, as a number."""
    return os.stat("/proc/self/ns/net").st_ino


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
