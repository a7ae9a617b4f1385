"""Where the container finds the socket of sd_notify(3): the places are runc's."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FOLDER = "/run/notify"
SOCKET = "notify.sock"


def announce(config: dict[str, Any], folder: str) -> dict[str, Any]:
    """The config with the host's `folder` in the container, and with the variable that names the socket in it."""
    bind = {"destination": _FOLDER, "source": folder, "options": ["bind", "ro", "nosuid", "nodev", "noexec"]}
    changed = config | {"mounts": [*(config.get("mounts") or ()), bind]}
    process = config.get("process")
    if process:
        # getenv(3) finds the first of two
        others = [entry for entry in process.get("env") or () if not entry.startswith("NOTIFY_SOCKET=")]
        changed["process"] = process | {"env": [*others, f"NOTIFY_SOCKET={_FOLDER}/{SOCKET}"]}
    return changed
