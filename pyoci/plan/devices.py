"""`linux.devices` and the default devices (config-linux.md, "Default Devices")."""

from __future__ import annotations

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


def plan(entries: list[dict[str, Any]] | None, set_up_dev: bool) -> list[Device]:
    """The defaults that the config does not name itself, then its own in their order."""
    own = [_device(entry) for entry in entries or ()]
    named = {device.path for device in own}
    defaults = [
        Device(path=path, kind="c", major=major, minor=minor, default=True)
        for path, major, minor in _DEFAULTS
        if set_up_dev and path not in named
    ]
    return defaults + own


def _device(entry: dict[str, Any]) -> Device:
    kind = entry["type"]
    return Device(
        path="/" + entry["path"].strip("/"),
        kind="c" if kind == "u" else kind,  # mknod(1): u is a character device, unbuffered
        major=entry.get("major", 0),
        minor=entry.get("minor", 0),
        mode=entry.get("fileMode", 0o666) & 0o7777,  # podman leaves the type of the file in it
        uid=entry.get("uid", 0),
        gid=entry.get("gid", 0),
    )
