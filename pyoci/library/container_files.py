"""The root folder of a container by its entry, for `copying`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyoci.errors import NOT_RUNNING, StateError, SyscallError
from pyoci.library import copying
from pyoci.state import status as state_status
from pyoci.state.store import CONFIG_FILE, Entry


def open_files(entry: Entry) -> copying.Files:
    """As the container's processes see it; of one that has stopped, its rootfs. Raises StateError, SyscallError."""
    state = entry.read()
    init = state_status.hold_init(state)
    if init is None:
        linux = json.loads(entry.read_file(CONFIG_FILE)).get("linux") or {}
        return copying.Files(state.rootfs, *(_ranges(linux, kind) for kind in ("uidMappings", "gidMappings")))
    try:
        maps = [Path(f"/proc/{state.pid}/{name}").read_text() for name in ("uid_map", "gid_map")]
        files = copying.Files(f"/proc/{state.pid}/root", *map(copying.id_ranges, maps))
    except OSError as error:
        raise SyscallError(error.errno or 0, f"look at the files of {state.id}") from None
    finally:
        os.close(init)
    if not state_status.init_lives(state):  # the number may have been another's
        os.close(files.fd)
        raise StateError(f"copy: {NOT_RUNNING}: {state.id!r} has just stopped")
    return files


def _ranges(linux: Mapping[str, Any], kind: str) -> list[copying.Range]:
    mappings = linux.get(kind) or [{"containerID": 0, "hostID": 0, "size": (1 << 32) - 1}]
    return [(entry["containerID"], entry["hostID"], entry["size"]) for entry in mappings]
