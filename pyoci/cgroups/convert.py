"""From the numbers of cgroup v1, which the specification uses, to those of v2. Pure."""

from __future__ import annotations

from pyoci.errors import CgroupError

SHARES_MIN, SHARES_MAX = 2, 262144
WEIGHT_MIN, WEIGHT_MAX = 1, 10000
BLKIO_MIN, BLKIO_MAX = 10, 1000


def cpu_weight(shares: int) -> int:
    """cpu.shares [2-262144] to cpu.weight [1-10000], as runc since 1.3.2 and crun since 1.23 do it.

    A curve through both ends and both defaults, 1024 and 100: the line between the ends, which was used before, gives
    a container with the default shares 39, less than half of what everything else on the machine has. Shares beyond
    the bounds count as the bound, which is what the kernel does with them in v1.
    """
    if shares <= SHARES_MIN:
        return WEIGHT_MIN
    if shares >= SHARES_MAX:
        return WEIGHT_MAX
    from math import ceil, log2  # a shared object in some builds of Python, which most commands do without

    power = log2(shares)
    return ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34))


def io_weight(weight: int) -> int:
    """blkio.weight [10-1000] to io.weight [1-10000], linear."""
    return WEIGHT_MIN + (weight - BLKIO_MIN) * (WEIGHT_MAX - WEIGHT_MIN) // (BLKIO_MAX - BLKIO_MIN)


def swap_max(swap: int, limit: int | None) -> str:
    """The limit of memory and swap together, as memory.swap.max, which counts swap alone.

    `limit` is memory.limit, None for unlimited. CgroupError when swap is below memory.
    """
    if swap == -1:
        return "max"
    if limit is None or limit < 0:
        raise CgroupError(f"memory.swap: {swap} limits memory and swap together; set limit, too")
    if swap < limit:
        raise CgroupError(f"memory.swap: {swap} is below the limit, {limit}: it counts memory and swap together")
    return str(swap - limit)


def maximum(value: int) -> str:
    """-1 is `max`."""
    return "max" if value < 0 else str(value)
