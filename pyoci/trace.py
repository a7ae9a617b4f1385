"""--trace FILE: a timing trace, as Chrome trace JSON. https://ui.perfetto.dev and chrome://tracing draw it.

`pyoci.phase` calls a `Recorder`; this module is imported only when there is one. Each phase lasts until the next one
of its process. The container's side cannot send what it records, since nobody listens any more when the last phases
begin, and it must not hold a file of the host's. So it writes into a piece of memory that is shared with the host
(mmap(2), MAP_SHARED | MAP_ANONYMOUS): it has no descriptor, and execve(2) takes it away before the user's program runs.

    {"traceEvents": [{"name": "plan", "ph": "X", "ts": 1.5, "dur": 800.25, "pid": 7, "tid": 1,
                      "args": {"cpu_us": 790.0}}, ...]}

`ts` and `dur` are microseconds, `ts` since the process began. `args.cpu_us` is CPU time of the process: what is missing
to `dur` was spent waiting.
"""

from __future__ import annotations

import mmap
import posix
import time

import pyoci
from pyoci import jsontext, log
from pyoci.errors import PyociError, reason
from pyoci.kernel import write_all
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HOST = "host"

_SHARED = 64 << 10  # bytes; a container's side writes about 2 KiB
_LENGTH = 4  # of the number of bytes in use, which the memory begins with


class Mark(Record):
    """The begin of a phase: wall clock and the CPU time of its process by then, in nanoseconds."""

    side: str
    name: str
    time: int
    cpu: int


class Recorder:
    """Collects marks: of this process in a list, of its forked children in shared memory.

    Only one child writes at a time: the bootstrap process marks nothing once it has made init.
    """

    __slots__ = ("_marks", "_shared", "_side")

    def __init__(self) -> None:
        self._side = HOST
        self._marks: list[Mark] = []
        self._shared = mmap.mmap(-1, _SHARED)
        now, cpu = _clocks()
        # When the process began is not told with this precision, but until here it has hardly waited.
        self._marks.append(Mark(side=HOST, name="start of the interpreter", time=now - cpu, cpu=0))

    def begin(self, name: str, side: str = "") -> None:
        now, cpu = _clocks()
        self._side = side or self._side
        if self._side == HOST:
            self._marks.append(Mark(side=HOST, name=name, time=now, cpu=cpu))
            return
        line = f"{self._side}\t{name}\t{now}\t{cpu}\n".encode()
        used = self._used()
        if used + len(line) <= _SHARED:  # a full memory ends the trace, not the container
            self._shared[used : used + len(line)] = line
            self._shared[:_LENGTH] = (used + len(line)).to_bytes(_LENGTH, "little")

    def marks(self) -> list[Mark]:
        """All marks of all sides by time, and a nameless one of this moment."""
        marks = [*self._marks, *map(_parse, self._shared[_LENGTH : self._used()].splitlines())]
        marks.sort(key=lambda mark: mark.time)
        now, cpu = _clocks()
        return [*marks, Mark(side=HOST, name="", time=now, cpu=cpu)]

    def _used(self) -> int:
        return max(int.from_bytes(self._shared[:_LENGTH], "little"), _LENGTH)


class Recording:
    """`with Recording(path, command):` records, and writes the file at the end, also when the command failed.

    Raises PyociError at the start when the file cannot be written; a failure at the end is only a warning, since
    the command is done.
    """

    __slots__ = ("_command", "_path")

    def __init__(self, path: str, command: str) -> None:
        self._path = path
        self._command = command

    def __enter__(self) -> None:
        # Not kept open: with --preserve-fds its number could be one of those that the container gets.
        try:
            _write(self._path, b"")
        except (OSError, ValueError) as error:
            raise PyociError(f"write trace file {self._path!r}: {reason(error)}") from None
        pyoci.recorder = Recorder()

    def __exit__(self, *_exception: object) -> None:
        recorder, pyoci.recorder = pyoci.recorder, None
        if recorder is not None:
            text = jsontext.dumps(document(recorder.marks(), self._command))
            try:
                _write(self._path, text.encode("ascii") + b"\n")
            except OSError as error:
                log.warning(f"write trace file {self._path!r}: {reason(error)}")


def document(marks: list[Mark], command: str) -> dict[str, Any]:
    """The trace of `marks`, which are sorted by time, the last one being the end."""
    pid = posix.getpid()
    begin = marks[0].time
    sides = {side: number for number, side in enumerate(dict.fromkeys(mark.side for mark in marks), 1)}
    events: list[dict[str, Any]] = [_name("process_name", pid, 1, f"pyoci {command}")]
    events += [_name("thread_name", pid, number, side) for side, number in sides.items()]
    for position, mark in enumerate(marks[:-1]):
        later = marks[position + 1 :]
        # The last phase of a side ends unseen, by execve or exit: at the latest when another side goes on.
        end = next((other for other in later if other.side == mark.side), None)
        event = {
            "name": mark.name,
            "ph": "X",
            "ts": (mark.time - begin) / 1000,
            "dur": ((end or later[0]).time - mark.time) / 1000,
            "pid": pid,
            "tid": sides[mark.side],
        }
        if end is not None:
            event["args"] = {"cpu_us": (end.cpu - mark.cpu) / 1000}
        events.append(event)
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"runtime": "pyoci", "command": command}}


def _name(kind: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}


def _clocks() -> tuple[int, int]:
    # Not CLOCK_MONOTONIC: it is another one in a time namespace.
    return time.time_ns(), time.process_time_ns()


def _parse(line: bytes) -> Mark:
    side, name, now, cpu = line.decode().split("\t")
    return Mark(side=side, name=name, time=int(now), cpu=int(cpu))


def _write(path: str, data: bytes) -> None:
    fd = log.open_written(path, posix.O_TRUNC)
    try:
        write_all(fd, data)
    finally:
        posix.close(fd)
