"""What the host's side of a container shows, whatever engine started it."""

from __future__ import annotations

import http.client
from pathlib import Path

from lib.shell import Failed


def cgroup_value(pid: str, controller: str, v1_file: str, v2_file: str) -> str:
    """The content of a file in the process's cgroup of `controller`, by its name on v1 or on v2."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return Path(f"/sys/fs/cgroup/{controllers}{path}", v1_file).read_text().strip()
        if number == "0" and Path(f"/sys/fs/cgroup{path}", v2_file).exists():
            return Path(f"/sys/fs/cgroup{path}", v2_file).read_text().strip()
    raise Failed(f"no cgroup of controller {controller} for process {pid}")


def fetch(host: str, port: int) -> str:
    """What a web server answers to `GET /`; empty if it does not."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()
