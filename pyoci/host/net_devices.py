"""`linux.netDevices`: move the host's network devices into the container (config-linux.md, "Network Devices").

A cold path: pyroute2 speaks netlink here, and costs more to import than a whole container.
"""

from __future__ import annotations

import posix

from pyoci import log
from pyoci.errors import ConfigError, PyociError, reason
from pyoci.kernel import namespace, uapi
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PERMANENT = 0x80  # IFA_F_PERMANENT, if_addr.h
_CHOSEN = 0x716  # the flags of an address that somebody chose: NODAD, OPTIMISTIC, HOMEADDRESS, MANAGETEMPADDR, ...
_FOR_EVER = 0xFFFFFFFF  # INFINITY_LIFE_TIME, net/addrconf.h
_NAME_MAX = 15  # bytes, IFNAMSIZ without its NUL
_GLOBAL = 0  # RT_SCOPE_UNIVERSE, rtnetlink.h
_UP = 1  # IFF_UP, netdevice(7)


class _Device(Record):
    """A device as the host has it, and the name that it gets. `there` is its number in the container, 0 before."""

    name: str
    new_name: str
    index: int
    addresses: list[dict[str, Any]]
    is_up: bool
    there: int = 0


class Moved:
    """Devices in the container. With a network namespace that ends, the kernel would delete those that are virtual, and
    give the others back without their addresses: so until the container is made, `put_back` can undo it.
    """

    def __init__(self, pid: int) -> None:
        from pyroute2 import IPRoute

        self.pid = pid
        self.devices: list[_Device] = []
        self.host: Any = IPRoute()
        try:
            self.container: Any = IPRoute(fileno=_socket_in(pid))
        except BaseException:
            self.host.close()
            raise

    def put_back(self) -> None:
        """Give the host its devices again: with their names, addresses and state. What fails is a warning."""
        for device in reversed(self.devices):
            try:
                if device.there:
                    self._return(device)
            except Exception as error:  # noqa: BLE001  # pyroute2's own kinds too; the others still go back
                log.warning(f"move network device {device.name} back to the host: {_why(error)}")
        self.close()

    def close(self) -> None:
        self.host.close()
        self.container.close()

    def _return(self, device: _Device) -> None:
        self.container.link("set", index=device.there, net_ns_pid=posix.getpid(), ifname=device.name)
        index = self.host.link_lookup(ifname=device.name)[0]
        for address in device.addresses:
            self.host.addr("add", index=index, **address)
        if device.is_up:
            self.host.link("set", index=index, state="up")


def move(devices: dict[str, str], pid: int) -> Moved:
    """Move each device into the network namespace of `pid`: renamed, with its permanent global addresses, up.

    All of them or none. Raises ConfigError for a device that is not there and for a name that is taken, PyociError when
    the kernel refuses.
    """
    moved = Moved(pid)
    try:
        moves = [_look(moved, name, new_name) for name, new_name in devices.items()]
        numbers = [device.index for device in moves]
        for device in moves:
            first = moves[numbers.index(device.index)]
            if first is not device:
                raise ConfigError(
                    f"/linux/netDevices/{device.name}: is another name of {first.name}, which is moved already"
                )
        for device in moves:
            moved.devices.append(device)
            _move(moved, device)
    except BaseException:
        moved.put_back()
        raise
    return moved


def _look(moved: Moved, name: str, new_name: str) -> _Device:
    indexes = moved.host.link_lookup(ifname=name)
    if not indexes:
        raise ConfigError(f"/linux/netDevices/{name}: the runtime's network namespace has no such device")
    if "%d" not in new_name and moved.container.link_lookup(ifname=new_name):
        raise ConfigError(f"/linux/netDevices/{name}: the container has a device {new_name!r} already")
    index = int(indexes[0])
    (link,) = moved.host.get_links(index)
    own_name = link.get_attr("IFLA_IFNAME") or name  # `name` may be an alternative one
    return _Device(
        name=own_name,
        new_name=new_name,
        index=index,
        addresses=_addresses(moved.host, index),
        is_up=bool(link["flags"] & _UP),
    )


def _move(moved: Moved, device: _Device) -> None:
    container = moved.container
    before = {link["index"] for link in container.get_links()}
    try:
        moved.host.link("set", index=device.index, net_ns_pid=moved.pid, ifname=device.new_name)
        device.there = _arrived(container, before, "" if "%d" in device.new_name else device.new_name)
        # it has lost its addresses on the way, and is down
        for address in device.addresses:
            container.addr("add", index=device.there, **_labelled(address, device.name, device.new_name))
        container.link("set", index=device.there, state="up")
    except Exception as error:  # noqa: BLE001  # pyroute2's own kinds
        # The kernel moves it before it looks at the name, for one.
        device.there = device.there or _arrived(container, before)
        raise PyociError(f"move network device {device.name} to {device.new_name}: {_why(error)}") from None


def _arrived(container: Any, before: set[int], name: str = "") -> int:
    """The number of the device that was not there before; 0 when that is not certain.

    In a namespace that was joined others may make devices meanwhile, so that only the `name` tells.
    """
    new = [link for link in container.get_links() if link["index"] not in before]
    indexes = [link["index"] for link in new if not name or link.get_attr("IFLA_IFNAME") == name]
    return int(indexes[0]) if len(indexes) == 1 else 0


def _why(error: Exception) -> str:
    """NetlinkError's own words are a tuple."""
    number = getattr(error, "code", 0) or getattr(error, "errno", 0)
    return reason(number) if isinstance(number, int) and number else str(error)


def _socket_in(pid: int) -> int:
    """A netlink socket of the network namespace of `pid`.

    Not pyroute2's NetNS: it makes its socket in a fork of this process, which it ends by SIGTERM; our handler of that
    signal then undoes, in the fork, what this process has begun.
    """
    import socket

    runtime_namespace = namespace.open_path("/proc/self/ns/net", "network")
    theirs = -1
    try:
        theirs = namespace.open_path(f"/proc/{pid}/ns/net", "network")
        namespace.join(theirs, uapi.CLONE_NEWNET, "the container's network namespace")
        try:
            netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0)
        finally:
            namespace.join(runtime_namespace, uapi.CLONE_NEWNET, "the runtime's own network namespace again")
    finally:
        posix.close(runtime_namespace)
        if theirs >= 0:
            posix.close(theirs)
    return netlink.detach()


def _addresses(host: Any, index: int) -> list[dict[str, Any]]:
    """Those that are permanent and global, as arguments for a request that adds them."""
    return [
        _address(message)
        for message in host.get_addr(index=index)
        if _flags(message) & _PERMANENT and message["scope"] == _GLOBAL
    ]


def _flags(message: Any) -> int:
    return int(message.get_attr("IFA_FLAGS") or message["flags"])


def _address(message: Any) -> dict[str, Any]:
    """With its peer, broadcast address, metric, label and flags: what the container routes by."""
    local = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    address = {
        "family": message["family"],
        "prefixlen": message["prefixlen"],
        "local": local,
        "address": message.get_attr("IFA_ADDRESS") or local,
        "flags": _flags(message) & _CHOSEN,
        "broadcast": message.get_attr("IFA_BROADCAST"),
        "label": message.get_attr("IFA_LABEL"),
        "rt_priority": message.get_attr("IFA_RT_PRIORITY"),
        "proto": message.get_attr("IFA_PROTO"),
    }
    lifetime = message.get_attr("IFA_CACHEINFO") or {}
    if lifetime.get("ifa_preferred", _FOR_EVER) != _FOR_EVER:
        address |= {"preferred_lft": lifetime["ifa_preferred"], "valid_lft": _FOR_EVER}
    return {name: value for name, value in address.items() if value is not None}


def _labelled(address: dict[str, Any], name: str, new_name: str) -> dict[str, Any]:
    """With the label that it gets under another name: of `eth0:1` the kernel demands no more than the length."""
    label = address.get("label", "")
    others = {key: value for key, value in address.items() if key != "label"}
    if not label.startswith(f"{name}:") or "%d" in new_name:
        return others  # the kernel takes the name
    label = new_name + label[len(name) :]
    return others if len(label) > _NAME_MAX else others | {"label": label}
