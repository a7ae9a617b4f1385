"""Calls to a systemd manager over D-Bus. The only place that imports jeepney, which makes and reads the
messages.

systemd's own socket is preferred: it is there without a message bus (early boot, minimal guests), as
systemctl does.
"""

from __future__ import annotations

import os
import socket
import time

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
from jeepney.low_level import Message, Parser

from pyoci.cgroups.dbus_refusal import Refused
from pyoci.errors import CgroupError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAME = "org.freedesktop.systemd1"
_MANAGER = DBusAddress("/org/freedesktop/systemd1", _NAME, f"{_NAME}.Manager")
_PROPERTIES = "org.freedesktop.DBus.Properties"
_BUS = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
_PEER = "org.freedesktop.DBus.Peer"
_SECONDS = 30.0
_KNOCKS = (0.05, 0.2, 1.0, 10.0, 20.0)  # seconds to wait for an answer each time
_SYSTEM = ("/run/systemd/private", "/run/dbus/system_bus_socket")
_LINE_MAX = 16384


class _NoAnswer(CgroupError):
    """The other side said nothing in time."""


class Manager:
    """A connection to the manager of the system, or of the calling user. Close it after use (`with`)."""

    def __init__(self, user: bool) -> None:
        self._parser = Parser()
        self._serial = 0
        self._socket, path = _connect(user)
        try:
            _authenticate(self._socket, path)
            if path.endswith("/private"):
                self._knock()
            else:
                self._call(new_method_call(_BUS, "Hello"))
        except OSError as error:
            self._socket.close()
            raise CgroupError(f"talk to systemd at {path}: {reason(error)}") from None
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()

    def call(self, method: str, signature: str, *values: Any) -> tuple[Any, ...]:
        """Call a method of the manager. Raises Refused, CgroupError when there is no answer."""
        return self._call(new_method_call(_MANAGER, method, signature, values))

    def tell(self, method: str, signature: str, *values: Any) -> None:
        """Call a method after the calls before it, without waiting for the answer. Raises CgroupError."""
        self._serial += 1
        try:
            self._socket.settimeout(_SECONDS)
            self._socket.sendall(new_method_call(_MANAGER, method, signature, values).serialise(self._serial))
        except OSError as error:
            raise CgroupError(f"tell systemd {method}: {reason(error)}") from None

    def property(self, path: str, interface: str, name: str) -> Any:
        """A property of an object of systemd. Raises as `call` does."""
        address = DBusAddress(path, _NAME, _PROPERTIES)
        return self._call(new_method_call(address, "Get", "ss", (f"{_NAME}.{interface}", name)))[0][1]

    def _knock(self) -> None:
        """Ping until there is an answer.

        systemd's end (sd-bus) reads the end of the log-in and what follows it in one go when both are there
        already, and then looks at the rest only when more comes: the first call would wait forever.
        """
        for pause in _KNOCKS:
            try:
                self._call(new_method_call(DBusAddress("/", _NAME, _PEER), "Ping"), pause)
                return
            except _NoAnswer:
                continue
        raise CgroupError(f"talk to systemd: no answer within {sum(_KNOCKS):g} s")

    def _call(self, message: Message, seconds: float = _SECONDS) -> tuple[Any, ...]:
        self._serial += 1
        method = message.header.fields[HeaderFields.member]
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(message.serialise(self._serial))
            reply = self._reply(time.monotonic() + seconds)
        except TimeoutError:
            raise _NoAnswer(f"ask systemd for {method}: no answer within {seconds:g} s") from None
        except OSError as error:
            raise CgroupError(f"ask systemd for {method}: {reason(error)}") from None
        if reply.header.message_type is MessageType.error:
            words = str(reply.body[0]) if reply.body else "no reason given"
            raise Refused(str(reply.header.fields.get(HeaderFields.error_name, "")), words)
        return tuple(reply.body)

    def _reply(self, deadline: float) -> Message:
        """The answer to the last call; signals, which come unasked for on systemd's own socket, are
        dropped.
        """
        while True:
            message = self._parser.get_next_message()
            if message is None:
                self._socket.settimeout(max(0.001, deadline - time.monotonic()))
                data = self._socket.recv(65536)
                if not data:
                    raise ConnectionResetError(0, "the connection was closed")
                self._parser.add_data(data)
            elif message.header.fields.get(HeaderFields.reply_serial) == self._serial:
                return message


def _connect(user: bool) -> tuple[socket.socket, str]:
    if user:
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        if not runtime:
            raise CgroupError("find the systemd of this user: XDG_RUNTIME_DIR is not set; log in, or set it")
        paths: tuple[str, ...] = (f"{runtime}/systemd/private", f"{runtime}/bus")
    else:
        paths = _SYSTEM
    why = ""
    for path in paths:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)  # close-on-exec, as all that Python makes
        connection.settimeout(_SECONDS)
        try:
            connection.connect(path)
            return connection, path
        except OSError as error:
            connection.close()
            why += f"; {path}: {reason(error)}"
    session = "; the systemd of a user has them in $XDG_RUNTIME_DIR, in a session" if user else ""
    raise CgroupError(f"connect to systemd{why}; is this system run by systemd?{session}")


def _authenticate(connection: socket.socket, path: str) -> None:
    """SASL EXTERNAL of the D-Bus specification: the kernel tells the other side who we are."""
    uid = str(_uid_outside()).encode().hex().encode()
    connection.sendall(b"\0AUTH EXTERNAL " + uid + b"\r\n")
    answer = b""
    while not answer.endswith(b"\r\n"):
        part = connection.recv(1) if len(answer) < _LINE_MAX else b""
        if not part:
            break
        answer += part
    if not answer.startswith(b"OK "):
        words = answer.decode("ascii", "replace").strip() or "the connection was closed"
        raise CgroupError(f"log in to systemd at {path}: {words}")
    connection.sendall(b"BEGIN\r\n")


def _uid_outside() -> int:
    """Our user as systemd sees it: engines run rootless containers as root of a user namespace."""
    uid = os.geteuid()
    with open("/proc/self/uid_map", "rb") as file:
        for line in file:
            inside, outside, count = map(int, line.split())
            if inside <= uid < inside + count:
                return outside + uid - inside
    return uid
