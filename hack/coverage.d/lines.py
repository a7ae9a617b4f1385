"""Where a line of pyoci stands in the file of marks: one byte for each line, file after file."""

from __future__ import annotations

import marshal
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "pyoci"


def prepare(marks: Path) -> None:
    """Write the empty marks, and beside them the path of each module with the place of its line 0, and the size.

    Every run of the runtime reads them: to count the lines again took longer than most commands.
    """
    places, end = {}, 0
    for path in sorted(PACKAGE.rglob("*.py")):
        places[str(path)] = end
        end += path.read_bytes().count(b"\n") + 2
    marks.write_bytes(bytes(end))
    _places_of(marks).write_bytes(marshal.dumps(places))


def load(marks: Path) -> dict[str, int]:
    places: dict[str, int] = marshal.loads(_places_of(marks).read_bytes())  # noqa: S302  # written by `prepare`
    return places


def _places_of(marks: Path) -> Path:
    return marks.with_suffix(".places")


def save(marks: Path, target: Path) -> None:
    """The marks as data of `coverage`."""
    from coverage import CoverageData

    content = marks.read_bytes()
    places = sorted(load(marks).items(), key=lambda item: item[1])
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
