"""`linux.devices` and the default devices (config-linux.md, "Default Devices")."""

from __future__ import annotations

from pyoci.plan import paths
from pyoci.wire.plan import Device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEFAULTS = (
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
)


def plan(
    entries: list[dict[str, Any]] | None, set_up_dev: bool, user_namespace: bool = False, uid: int = 0
) -> list[Device]:
    """The defaults that the config does not name itself, then its own in their order.

    mknod(2) is refused in a user namespace. A runtime that is root (`uid`) makes the config's nodes outside, so that
    they are there whatever the host has, with the mode and the owner asked for.
    """
    asked = [_device(entry) for entry in entries or ()]
    if user_namespace:
        for device in asked:
            if device.kind != "p":
                device.how = "outside" if uid == 0 else "bind"
    named = {device.path for device in asked}
    defaults = [
        Device(path=path, kind="c", major=major, minor=minor, how="bind" if user_namespace else "mknod", default=True)
        for path, major, minor in _DEFAULTS
        if set_up_dev and path not in named
    ]
    return defaults + asked


def _device(entry: dict[str, Any]) -> Device:
    kind = entry["type"]
    mode = entry.get("fileMode")
    return Device(
        path=paths.clean(entry["path"]),
        kind="c" if kind == "u" else kind,  # mknod(1): u is a character device, unbuffered
        major=entry.get("major", 0),
        minor=entry.get("minor", 0),
        mode=None if mode is None else mode & 0o7777,  # podman leaves the type of the file in it
        uid=entry.get("uid"),
        gid=entry.get("gid"),
    )
