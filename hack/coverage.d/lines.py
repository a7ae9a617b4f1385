"""Where a line of pyoci stands in the file of marks: one byte for each line, file after file."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "pyoci"


def starts() -> dict[str, int]:
    """Path of each module to the place of its line 0."""
    places, end = {}, 0
    for path in sorted(PACKAGE.rglob("*.py")):
        places[str(path)] = end
        end += path.read_bytes().count(b"\n") + 2
    return places


def size() -> int:
    last = max(starts().items(), key=lambda item: item[1])
    return last[1] + Path(last[0]).read_bytes().count(b"\n") + 2


def save(marks: Path, target: Path) -> None:
    """The marks as data of `coverage`."""
    from coverage import CoverageData

    content = marks.read_bytes()
    places = sorted(starts().items(), key=lambda item: item[1])
    ends = [start for _, start in places[1:]] + [len(content)]
    data = CoverageData(basename=str(target))
    data.erase()
    data.add_lines(
        {
            path: [line for line in range(1, end - start) if content[start + line]]
            for (path, start), end in zip(places, ends, strict=True)
        }
    )
    data.write()
