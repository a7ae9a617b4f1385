"""Samples as a table of goals, a table of all figures, and JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from operations import CONCURRENT, PYTHON, Runtime, Samples

BEGIN, END = "<!-- hack/bench --report writes from here -->", "<!-- to here -->"


class Goal(NamedTuple):
    """A line of the table: at most `limit` times what the `rival` has; without one, a figure that stands alone."""

    operation: str
    limit: float
    rival: str = "runc"  # a kind of runtime, PYTHON, or empty


_SHORT = ("start", "state", "kill", "delete")
GOALS = (
    Goal("run", 0.65),
    Goal("create", 1.0),
    Goal("exec", 0.75),
    *(Goal(name, 1.3) for name in _SHORT),
    *(Goal(name, 1.25, PYTHON) for name in _SHORT),
    Goal("create + start + delete", 1.15),
    Goal("run, seccomp", 0.65),
    Goal("run, 500 of each", 1.0),
    Goal("peak of run, KiB", 0.85, "crun"),
    Goal("held per created container, KiB PSS", 1.0),
    Goal("held per running container, KiB PSS", 0.0, ""),
    Goal(f"{CONCURRENT}th container over the first, CPU", 1.15, ""),
)
RELEASE_GOALS = (
    Goal("run", 0.45),
    Goal("run", 1.4, "crun"),
    Goal("create", 1.3, "crun"),
    Goal("exec", 1.5, "crun"),
    *(Goal(name, 0.8, "crun") for name in _SHORT),
    Goal("create + start + delete", 1.0, "crun"),
    Goal("run, seccomp, nothing cached", 0.55),
    Goal("peak of run, KiB", 0.75),
    Goal("held per created container, KiB PSS", 0.14),
    Goal("held per running container, KiB PSS", 0.0, ""),
    Goal(f"{CONCURRENT}th container over the first, CPU", 1.15, ""),
)


class Row(NamedTuple):
    """A goal, measured. `low` and `high` are the quartiles of the rounds' ratios, where there are rounds."""

    goal: Goal
    ours: float
    theirs: float | None
    ratio: float
    low: float | None
    high: float | None

    @property
    def holds(self) -> bool:
        return self.ratio <= self.goal.limit


def rows(samples: Samples, runtimes: Sequence[Runtime]) -> list[Row]:
    found = []
    for goal in RELEASE_GOALS if runtimes[0].is_release else GOALS:
        rival = next((runtime.name for runtime in runtimes[1:] if runtime.kind == goal.rival), goal.rival)
        row = _row(goal, samples, runtimes[0].name, rival)
        if row is not None:
            found.append(row)
    return found


def _row(goal: Goal, samples: Samples, us: str, rival: str) -> Row | None:
    times = samples.times.get(goal.operation)
    if times is not None:
        theirs = samples.times.get(PYTHON, {}).get(PYTHON) if rival == PYTHON else times.get(rival)
        if theirs is None:
            return None
        ours = [sample.cpu for sample in times[us]]
        others = [sample.cpu for sample in theirs]
        middle = statistics.median(others)
        # The floor is measured in every operation's rounds, so it does not pair: against its median.
        pairs = zip(ours, [middle] * len(ours) if rival == PYTHON else others, strict=True)
        low, _, high = _quartiles([one / other for one, other in pairs])
        return Row(goal, statistics.median(ours), middle, statistics.median(ours) / middle, low, high)
    values = samples.values.get(goal.operation)
    if values is None or us not in values or (rival and rival not in values):
        return None
    if not rival:
        return Row(goal, values[us], None, values[us], None, None)
    return Row(goal, values[us], values[rival], values[us] / values[rival], None, None)


def goals_table(found: list[Row]) -> str:
    lines = [
        "| operation | pyoci | than | there | ratio | spread | goal | holds |",
        "| --- | ---: | --- | ---: | ---: | --- | ---: | --- |",
    ]
    for row in found:
        spread = "" if row.low is None else f"{row.low:.2f} - {row.high:.2f}"
        there = "" if row.theirs is None else _figure(row.theirs)
        lines.append(
            f"| {row.goal.operation} | {_figure(row.ours)} | {row.goal.rival} | {there} | {row.ratio:.2f} | {spread} "
            f"| {row.goal.limit:.2f} | {'yes' if row.holds else '**no**'} |"
        )
    return "\n".join(lines)


def figures_table(samples: Samples, runtimes: Sequence[Runtime]) -> str:
    """Medians of all runtimes: CPU and wall milliseconds, then what is no time."""
    names = [runtime.name for runtime in runtimes]
    lines = [
        f"| operation | {' | '.join(names)} |",
        f"| --- |{' ---: |' * len(names)}",
    ]
    for operation, times in samples.times.items():
        if operation != PYTHON:
            cells = [_times(times[name]) if name in times else "" for name in names]
            lines.append(f"| {operation} | {' | '.join(cells)} |")
    for operation, values in samples.values.items():
        cells = [_figure(values[name]) if name in values else "" for name in names]
        lines.append(f"| {operation} | {' | '.join(cells)} |")
    return "\n".join(lines)


def noise_line(samples: Samples, noise: dict[str, float]) -> str:
    floor = [sample.cpu for sample in samples.times.get(PYTHON, {}).get(PYTHON, [])]
    text = (
        f"Noise: other processes used {noise['others_percent']} % of all CPU time in these {noise['seconds']:.0f} s, "
        f"the hypervisor took {noise['stolen_percent']} %, load average {noise['load_average']:.2f}"
    )
    if len(floor) > 1:
        low, middle, high = _quartiles(floor)
        text += (
            f"; a bare `{PYTHON} -c pass` took {middle:.2f} ms of CPU, "
            f"half of the {len(floor)} times between {low:.2f} and {high:.2f}"
        )
    return text + "."


def page(samples: Samples, runtimes: Sequence[Runtime], facts: dict[str, Any], chart: str) -> str:
    """The section of docs/performance.md."""
    versions = "\n".join(f"- {runtime.name}: {runtime.version}" for runtime in runtimes)
    skipped = "".join(f"\nNot measured: {name}, since {why}.\n" for name, why in samples.skipped.items())
    machine = facts["machine"]
    return f"""\
Measured on {facts["date"]}: {machine["cpus"]}, Linux {machine["kernel"]}, {machine["system"]}, cgroups \
{machine["cgroups"]}.

{versions}

{noise_line(samples, facts["noise"])}

{f"![CPU time of each operation]({chart})" if chart else ""}

Goals (times are ms of CPU; ratios are of medians; the spread is the middle half of the rounds' ratios):

{goals_table(rows(samples, runtimes))}
{skipped}
All medians (times are ms of CPU / ms by the wall clock):

{figures_table(samples, runtimes)}
"""


def replace_section(text: str, section: str) -> str:
    """`text` with the marked section replaced. Raises ValueError when the marks are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the lines {BEGIN!r} and {END!r} are missing")
    return f"{before}{begin}\n\n{section.strip()}\n\n{end}{after}"


def as_json(samples: Samples, runtimes: Sequence[Runtime], facts: dict[str, Any]) -> dict[str, Any]:
    """Everything, with each single sample: [CPU ms, wall ms]."""
    return {
        **facts,
        "runtimes": [{"name": one.name, "version": one.version} for one in runtimes],
        "goals": [
            {
                "operation": row.goal.operation,
                "rival": row.goal.rival,
                "pyoci": row.ours,
                "theirs": row.theirs,
                "ratio": row.ratio,
                "quartiles": [row.low, row.high],
                "limit": row.goal.limit,
                "holds": row.holds,
            }
            for row in rows(samples, runtimes)
        ],
        "times": {
            operation: {
                name: [(round(one.cpu, 4), round(one.wall, 4)) for one in found] for name, found in times.items()
            }
            for operation, times in samples.times.items()
        },
        "values": samples.values,
        "skipped": samples.skipped,
    }


def _quartiles(values: Sequence[float]) -> list[float]:
    if len(values) < 2:
        return [values[0]] * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def _times(found: Sequence[Any]) -> str:
    cpu, wall = (statistics.median(sample[part] for sample in found) for part in (0, 1))
    return f"{cpu:.1f} / {wall:.1f}"


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == 0 else f"{value:.2f}"
