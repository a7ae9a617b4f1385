"""The streams of a container that this process has made."""

from __future__ import annotations

from typing import IO, Any

from pyoci.library.ending import Ending
from pyoci.library.exchange import Exchange
from pyoci.library.outcome import OutputLimit, Timeout
from pyoci.library.process import Terminal, encode
from pyoci.library.supervised import Supervised
from pyoci.library.waiting import Deadline


class Streams:
    """The other ends of the container's standard streams, or of its terminal; None for those that it has not."""

    def __init__(self, supervised: Supervised | None, encoding: str | None, errors: str) -> None:
        self._supervised = supervised
        self._encoding = encoding
        self._errors = errors
        self.stdin: IO[Any] | None = None
        self.stdout: IO[Any] | None = None
        self.stderr: IO[Any] | None = None
        self.terminal: Terminal | None = None
        if supervised is not None:
            popen = supervised.popen
            self.stdin, self.stdout, self.stderr = popen.stdin, popen.stdout, popen.stderr
            self.terminal = Terminal(supervised.terminal) if supervised.terminal >= 0 else None

    @property
    def pid(self) -> int:
        """The number of the container's first process; 0 when this process has not made it."""
        return self._supervised.pid if self._supervised is not None else 0

    def communicate(
        self, ending: Ending, input: str | bytes | None, deadline: Deadline, max_output: int | None, cancel: int
    ) -> tuple[Any, Any]:
        """Write `input`, and read stdout and stderr until the container has ended. Raises Timeout, OutputLimit."""
        exchange = Exchange(
            self.stdin,
            self.stdout,
            self.stderr,
            input=encode(input, self._encoding),
            max_output=max_output,
            cancel=cancel,
        )
        watch = ending.watch()
        try:
            exchange.run(watch.fd, lambda: True, deadline)
            ending.record(watch)
        except (Timeout, OutputLimit) as error:
            error.stdout, error.stderr = self._decode(error.stdout), self._decode(error.stderr)
            raise
        finally:
            watch.close()
        return self._decode(bytes(exchange.stdout)), self._decode(bytes(exchange.stderr))

    def _decode(self, data: str | bytes) -> str | bytes:
        return data.decode(self._encoding, self._errors) if self._encoding and isinstance(data, bytes) else data

    def close(self) -> None:
        if self._supervised is not None:
            self._supervised.close()
        if self.terminal is not None:
            self.terminal.close()
