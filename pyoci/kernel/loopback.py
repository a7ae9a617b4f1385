"""A new network namespace comes with `lo` down; every runtime brings it up."""

from __future__ import annotations

import _socket
import _struct
import fcntl

from pyoci.errors import SyscallError
from pyoci.kernel import uapi


def bring_up() -> None:
    """`lo` of this process's network namespace: netdevice(7). Raises SyscallError."""
    control = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    request = bytearray(_struct.pack("16sh22x", b"lo", 0))  # struct ifreq, netdevice(7)
    try:
        fcntl.ioctl(control.fileno(), uapi.SIOCGIFFLAGS, request)
        (flags,) = _struct.unpack_from("h", request, 16)
        _struct.pack_into("h", request, 16, flags | uapi.IFF_UP)
        fcntl.ioctl(control.fileno(), uapi.SIOCSIFFLAGS, request)
    except OSError as error:
        raise SyscallError(error.errno or 0, "bring up the loopback device").at("/linux/namespaces") from None
    finally:
        control.close()
