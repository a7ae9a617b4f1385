"""Lists of CPUs and of memory nodes: `0-3,7`, the list format of cpuset(7). Pure."""

from __future__ import annotations

MAXIMUM = 8192  # the greatest CONFIG_NR_CPUS


def parse(text: str, maximum: int = MAXIMUM) -> list[int]:
    """The numbers, in the order of the text; spaces and empty parts are allowed.

    Raises ValueError, whose words are the part that is wrong: not a number below `maximum`, nor a range of such.
    """
    numbers: list[int] = []
    for part in text.replace(" ", "").split(","):
        if not part:
            continue
        first, dash, last = part.partition("-")
        last = last if dash else first
        if not (part.isascii() and first.isdigit() and last.isdigit() and len(last) < 7):
            raise ValueError(part)
        if not int(first) <= int(last) < maximum:
            raise ValueError(part)
        numbers.extend(range(int(first), int(last) + 1))
    return numbers
