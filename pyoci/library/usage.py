"""The usage of a container, now and event by event."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, cast

from pyoci.library.program import starting
from pyoci.library.waiting import Deadline, until_readable


@dataclass(frozen=True, slots=True)
class Stats:
    """Usage at one moment. A limit is None where there is none; `data` is all that `pyoci events --stats` tells."""

    cpu_seconds: float
    memory_bytes: int
    memory_limit: int | None
    pids: int
    pids_limit: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """`kind` is `stats`, with `stats`, or `oom`: the kernel killed a process for lack of memory."""

    kind: str
    stats: Stats | None


class Events:
    """`pyoci events` and its lines."""

    def __init__(self, command: Sequence[str]) -> None:
        with starting(command[0]):
            self._program = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
            )
        self._rest = b""

    def next(self, cancel: int = -1) -> Event | None:
        """The next one; None once the container has stopped."""
        output = cast(IO[bytes], self._program.stdout).fileno()
        while b"\n" not in self._rest:
            until_readable(output, Deadline(None), "there was no event", cancel)
            data = os.read(output, 1 << 16)
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        event = json.loads(line)
        return Event(event["type"], stats_of(event["data"]) if event["type"] == "stats" else None)

    def close(self) -> None:
        self._program.kill()
        with self._program:
            pass  # closes the pipe, and reaps


def stats_of(data: Mapping[str, Any]) -> Stats:
    memory = data.get("memory", {}).get("usage", {})
    pids = data.get("pids", {})
    return Stats(
        cpu_seconds=data.get("cpu", {}).get("usage", {}).get("total", 0) / 1e9,
        memory_bytes=memory.get("usage", 0),
        memory_limit=_limit(memory.get("limit", 0)),
        pids=pids.get("current", 0),
        pids_limit=_limit(pids.get("limit", 0)),
        data=data,
    )


def _limit(value: int) -> int | None:
    # v1 rounds the greatest number down to a page, v2 says max (2^64-1).
    return value if 0 < value < (1 << 63) - (1 << 20) else None
