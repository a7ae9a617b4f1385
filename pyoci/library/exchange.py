"""Bytes to and from a program's streams, until it ends: bounded in time and size, and no end of a pipe waited for.

What a program leaves running may keep its pipes open for ever. So its end counts, and not that of its streams: what it
wrote before it ended is in the pipes then, and is read.
"""

from __future__ import annotations

import fcntl
import os
import select
from collections.abc import Callable
from typing import IO, Any

from pyoci.library import values
from pyoci.library.outcome import OutputLimit
from pyoci.library.waiting import Cancelled, Deadline

_CHUNK = 1 << 16


class Exchange:
    """One conversation. `stdout` and `stderr` grow while `run` works."""

    def __init__(
        self,
        stdin: IO[Any] | None,
        stdout: IO[Any] | None,
        stderr: IO[Any] | None,
        *,
        input: bytes | None = None,
        max_output: int | None = None,
        cancel: int = -1,
    ) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._max = values.output_limit(max_output)
        self._cancel = cancel
        self._stdin = stdin
        self._input = memoryview(input or b"")
        self._readers: dict[int, bytearray] = {}
        for stream, target in ((stdout, self.stdout), (stderr, self.stderr)):
            if stream is not None and not stream.closed:
                os.set_blocking(stream.fileno(), False)
                self._readers[stream.fileno()] = target
        if stdin is not None and not stdin.closed:
            if self._input:
                os.set_blocking(stdin.fileno(), False)
            else:
                self._close_stdin()

    def run(self, ended: int, has_ended: Callable[[], bool], deadline: Deadline) -> None:
        """Until `has_ended`, which is asked whenever the descriptor `ended` is readable.

        Raises Timeout, OutputLimit, Cancelled; the program then still runs.
        """
        while True:
            poller = select.poll()
            poller.register(ended, select.POLLIN)
            if self._cancel >= 0:
                poller.register(self._cancel, select.POLLIN)
            for fd in self._readers:
                poller.register(fd, select.POLLIN)
            stdin = self._stdin.fileno() if self._stdin is not None and not self._stdin.closed else -1
            if stdin >= 0:
                poller.register(stdin, select.POLLOUT)
            ready = {fd for fd, _ in poller.poll(deadline.left())}
            # Also where it writes all the time.
            if deadline.is_over() and ended not in ready:
                error = deadline.missed("the program has not ended")
                error.stdout, error.stderr = bytes(self.stdout), bytes(self.stderr)
                raise error
            if self._cancel in ready:
                raise Cancelled
            over = ended in ready and has_ended()
            for fd in [fd for fd in self._readers if over or fd in ready]:
                self._read(fd, whole=over)
            if over:
                self._close_stdin()
                return
            if stdin in ready:
                self._write(stdin)

    def _read(self, fd: int, *, whole: bool) -> None:
        """Read; `whole`: a full pipe at most, since others may go on writing. One that ended is let go."""
        left = _pipe_size(fd) if whole else 1
        while left > 0:
            try:
                data = os.read(fd, _CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""  # EIO: a terminal that the last program has closed
            if not data:
                del self._readers[fd]
                return
            left -= len(data)
            self._readers[fd] += data
            if self._max is not None and len(self.stdout) + len(self.stderr) > self._max:
                raise OutputLimit(
                    f"the program: wrote more than {self._max} bytes",
                    bytes(self.stdout[: self._max]),
                    bytes(self.stderr[: self._max]),
                )

    def _write(self, fd: int) -> None:
        try:
            self._input = self._input[os.write(fd, self._input[:_CHUNK]) :]
        except BlockingIOError:
            return
        except OSError:
            self._input = self._input[:0]  # EPIPE: the program reads no more
        if not self._input:
            self._close_stdin()

    def _close_stdin(self) -> None:
        if self._stdin is not None:
            try:
                self._stdin.close()
            except OSError:
                pass
            self._stdin = None


def _pipe_size(fd: int) -> int:
    try:
        return fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
    except OSError:
        return _CHUNK  # a terminal
