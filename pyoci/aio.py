"""The library for asyncio: `from pyoci import aio`, and the same names with `await`."""

from __future__ import annotations

from pyoci.library.aio import Container, Process, reader, run, writer

__all__ = ["Container", "Process", "reader", "run", "writer"]
