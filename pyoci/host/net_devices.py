"""`linux.netDevices`: move the host's network devices into the container (config-linux.md, "Network Devices").

A cold path: pyroute2 speaks netlink here, and costs more to import than a whole container.
"""

from __future__ import annotations

import posix

from pyoci.errors import ConfigError, PyociError
from pyoci.kernel import namespace, uapi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PERMANENT = 0x80  # IFA_F_PERMANENT, if_addr.h
_GLOBAL = 0  # RT_SCOPE_UNIVERSE, rtnetlink.h


def move(devices: dict[str, str], pid: int) -> None:
    """Move each device into the network namespace of `pid`: renamed, with its permanent global addresses, up.

    Raises ConfigError for a device that is not there, PyociError when the kernel refuses (a name that is taken).
    """
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    with IPRoute() as host, IPRoute(fileno=_socket_in(pid)) as container:
        for name, new_name in devices.items():
            index = _index(host, name)
            addresses = _addresses(host, index)
            try:
                if "%d" not in new_name and container.link_lookup(ifname=new_name):
                    raise ConfigError(f"/linux/netDevices/{name}: the container has a device {new_name!r} already")
                before = {link["index"] for link in container.get_links()}
                host.link("set", index=index, net_ns_pid=pid, ifname=new_name)
                _finish(container, before, addresses)
            except NetlinkError as error:
                raise PyociError(f"move network device {name} to {new_name}: {str(error).lower()}") from None


def _socket_in(pid: int) -> int:
    """A netlink socket of the network namespace of `pid`.

    Not pyroute2's NetNS: it makes its socket in a fork of this process, which it ends by SIGTERM; our handler of that
    signal then undoes, in the fork, what this process has begun.
    """
    import socket

    own = namespace.open_path("/proc/self/ns/net", "network")
    theirs = -1
    try:
        theirs = namespace.open_path(f"/proc/{pid}/ns/net", "network")
        namespace.join(theirs, uapi.CLONE_NEWNET, "the container's network namespace")
        try:
            made = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0)
        finally:
            namespace.join(own, uapi.CLONE_NEWNET, "the runtime's own network namespace again")
    finally:
        posix.close(own)
        if theirs >= 0:
            posix.close(theirs)
    return made.detach()


def _index(host: Any, name: str) -> int:
    found = host.link_lookup(ifname=name)
    if not found:
        raise ConfigError(f"/linux/netDevices/{name}: the runtime's network namespace has no such device")
    return int(found[0])


def _addresses(host: Any, index: int) -> list[dict[str, Any]]:
    kept = []
    for message in host.get_addr(index=index):
        flags = message.get_attr("IFA_FLAGS") or message["flags"]
        if flags & _PERMANENT and message["scope"] == _GLOBAL:
            kept.append(
                {
                    "address": message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS"),
                    "prefixlen": message["prefixlen"],
                    "family": message["family"],
                }
            )
    return kept


def _finish(container: Any, before: set[int], addresses: list[dict[str, Any]]) -> None:
    """The device has lost its addresses on the way, and is down."""
    (index,) = {link["index"] for link in container.get_links()} - before
    for address in addresses:
        container.addr("add", index=index, **address)
    container.link("set", index=index, state="up")
