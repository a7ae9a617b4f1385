"""The readings of a container at one moment, and the rates between two moments. Pure."""

from __future__ import annotations

from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNLIMITED = 1 << 60  # v1 says so with a number of pages, v2 with 2**64 - 1


class Sample(Record):
    """Counters of one container; None where nothing counts them."""

    id: str
    status: str
    time: float  # seconds, of any clock that goes forward
    uptime: float | None = None
    cpu: int | None = None  # nanoseconds
    periods: int | None = None
    throttled: int | None = None
    memory: int | None = None
    memory_limit: int | None = None
    pids: int | None = None
    pids_limit: int | None = None
    read: int | None = None
    written: int | None = None
    pressure: dict[str, float]
    oom_kills: int | None = None


class Row(Record):
    """The row of one container.

    cpu         CPUs in use since the sample before: 1.5 is one and a half
    throttled   share of the periods in which it was held back
    read, written   bytes a second
    pressure    PSI `some`, the last ten seconds, in percent: cpu, memory, io
    """

    id: str
    status: str
    uptime: float | None = None
    cpu: float | None = None
    throttled: float | None = None
    memory: int | None = None
    memory_limit: int | None = None
    pids: int | None = None
    pids_limit: int | None = None
    read: float | None = None
    written: float | None = None
    pressure: dict[str, float]
    oom_kills: int | None = None


def sample(container_id: str, status: str, time: float, stats: dict[str, Any]) -> Sample:
    """From the `data` of `events --stats`."""
    cpu, memory, pids = stats.get("cpu") or {}, stats.get("memory") or {}, stats.get("pids") or {}
    usage, throttling = cpu.get("usage") or {}, cpu.get("throttling") or {}
    limit = (memory.get("usage") or {}).get("limit")
    sizes = (stats.get("blkio") or {}).get("ioServiceBytesRecursive")
    pressure = {}
    for name, section in (("cpu", cpu), ("memory", memory), ("io", stats.get("blkio") or {})):
        some = (section.get("psi") or {}).get("some")
        if some:
            pressure[name] = some["avg10"]
    return Sample(
        id=container_id,
        status=status,
        time=time,
        cpu=usage.get("total", 0) if usage else None,
        periods=throttling.get("periods", 0),
        throttled=throttling.get("throttledPeriods", 0),
        memory=(memory.get("usage") or {}).get("usage"),
        memory_limit=limit if limit is not None and limit < _UNLIMITED else None,
        pids=pids.get("current"),
        pids_limit=pids.get("limit") or None,
        read=_sum(sizes, "read"),
        written=_sum(sizes, "write"),
        pressure=pressure,
    )


def _sum(entries: list[dict[str, Any]] | None, operation: str) -> int | None:
    if entries is None:
        return None
    total: int = sum(entry.get("value", 0) for entry in entries if entry.get("op", "").lower() == operation)
    return total


def row(before: Sample | None, now: Sample) -> Row:
    """Rates need two samples of the same container; without the first there are none."""
    before = before or Sample(id=now.id, status="", time=now.time, pressure={})
    seconds = now.time - before.time
    return Row(
        id=now.id,
        status=now.status,
        uptime=now.uptime,
        cpu=_rate(before.cpu, now.cpu, seconds * 1e9),
        throttled=_share(before, now),
        memory=now.memory,
        memory_limit=now.memory_limit,
        pids=now.pids,
        pids_limit=now.pids_limit,
        read=_rate(before.read, now.read, seconds),
        written=_rate(before.written, now.written, seconds),
        pressure=now.pressure,
        oom_kills=now.oom_kills,
    )


def _rate(before: int | None, now: int | None, over: float) -> float | None:
    if before is None or now is None or over <= 0 or now < before:
        return None  # a container of the same name that was made again counts from zero
    return (now - before) / over


def _share(before: Sample, now: Sample) -> float | None:
    if before.periods is None or now.periods is None or before.throttled is None or now.throttled is None:
        return None
    periods = now.periods - before.periods
    return (now.throttled - before.throttled) / periods if periods > 0 else None
