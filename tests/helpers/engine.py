"""A world for one container engine: mounts, network, processes and /run of its own, which all end with it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.runtime import TIME_LIMIT, Result, until

# The first process of the world: engines leave their helpers to it.
_FIRST = """
import os, subprocess, time
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
print("ready", flush=True)
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.05)
"""


class World:
    """Runs programs in namespaces of their own; what they started is killed with the first process."""

    def __init__(self, folder: Path, first: int) -> None:
        self.folder = folder
        self._enter = ["nsenter", "--mount", "--net", "--pid", f"--target={first}", f"--wd={folder}"]

    def command(self, *words: str) -> list[str]:
        return [*self._enter, *words]

    def call(self, *words: str, env: dict[str, str] | None = None, limit: float = 2 * TIME_LIMIT) -> Result:
        """Output goes to files: an engine's helpers may keep it open."""
        paths = self.folder / "stdout", self.folder / "stderr"
        with open(paths[0], "w+b") as out, open(paths[1], "w+b") as err:
            done = subprocess.run(
                self.command(*words), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, timeout=limit
            )
        stdout, stderr = (path.read_text(errors="replace") for path in paths)
        return Result(stdout, stderr, done.returncode)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    log = folder / "world"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [
                *["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"],
                *["--propagation=private", sys.executable, "-I", "-S", "-c", _FIRST],
            ],
            stdout=out,
        )
    try:
        until(lambda: "ready" in log.read_text(), "a world of its own")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield World(folder, int(children[0]))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(TIME_LIMIT)
