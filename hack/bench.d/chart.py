"""One chart: CPU time of each operation, a bar for each runtime. Readable on a light and on a dark page."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from html import escape

from operations import PYTHON, Runtime, Samples

SHOWN = ("run", "run, seccomp", "create", "exec", "start", "state", "kill", "delete")
_COLOURS = ("#3776ab", "#c98a00", "#7a7a7a", "#b55d60", "#5f9e6e")
_WIDTH, _LEFT, _RIGHT = 760, 120, 60
_BAR, _GAP, _TOP = 13, 14, 64


def draw(samples: Samples, runtimes: Sequence[Runtime], caption: str) -> str:
    """The SVG."""
    operations = [name for name in SHOWN if name in samples.times]
    names = [runtime.name for runtime in runtimes]
    medians = {
        (operation, name): statistics.median(sample.cpu for sample in samples.times[operation][name])
        for operation in operations
        for name in names
        if name in samples.times[operation]
    }
    scale = (_WIDTH - _LEFT - _RIGHT) / max(medians.values())
    height = _TOP + len(operations) * (len(names) * _BAR + _GAP) + 28
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(caption)}">',
        "<style>text { font: 12px sans-serif; fill: #1f2328 } .small { font-size: 10.5px }"
        " @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }</style>",
        _text(0, 16, "CPU time of each operation, milliseconds (median; shorter is better)"),
    ]
    parts += _legend(names)
    floor = [sample.cpu for sample in samples.times.get(PYTHON, {}).get(PYTHON, [])]
    if floor:
        parts += _floor(_LEFT + statistics.median(floor) * scale, height)
    top = _TOP
    for operation in operations:
        middle = top + len(names) * _BAR / 2 + 4
        parts.append(_text(_LEFT - 8, middle, operation, anchor="end"))
        for number, name in enumerate(names):
            if (operation, name) in medians:
                value = medians[operation, name]
                colour = _COLOURS[number % len(_COLOURS)]
                parts.append(
                    f'<rect x="{_LEFT}" y="{top}" width="{value * scale:.1f}" height="{_BAR - 2}" fill="{colour}"/>'
                )
                parts.append(_text(_LEFT + value * scale + 4, top + 9.5, f"{value:.1f}", small=True))
            top += _BAR
        top += _GAP
    parts += [_text(0, height - 8, caption, small=True), "</svg>"]
    return "\n".join(parts) + "\n"


def _legend(names: Sequence[str]) -> list[str]:
    parts, left = [], _LEFT
    for number, name in enumerate(names):
        parts.append(f'<rect x="{left}" y="30" width="11" height="11" fill="{_COLOURS[number % len(_COLOURS)]}"/>')
        parts.append(_text(left + 16, 40, name))
        left += 32 + 7 * len(name)
    return parts


def _floor(left: float, height: int) -> list[str]:
    return [
        f'<line x1="{left:.1f}" y1="{_TOP - 6}" x2="{left:.1f}" y2="{height - 24}" stroke="#8c959f" '
        'stroke-dasharray="3 3"/>',
        _text(left, _TOP - 9, "bare python3 -I -S", small=True, anchor="middle"),
    ]


def _text(left: float, top: float, words: str, small: bool = False, anchor: str = "start") -> str:
    kind = ' class="small"' if small else ""
    return f'<text x="{left:.1f}" y="{top:.1f}"{kind} text-anchor="{anchor}">{escape(words)}</text>'
