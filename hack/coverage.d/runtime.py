"""pyoci, with each line that it runs marked in a shared mapping (hack/coverage): runtime.py MARKS [ARGUMENTS]"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import lines

sys.path.insert(0, str(lines.PACKAGE.parent))


def tracer(marks: Path) -> Callable[[FrameType, str, Any], Any]:
    with open(marks, "r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
    places = lines.load(marks)
    all_seen: set[CodeType] = set()

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        start = places.get(code.co_filename)
        if start is None or code in all_seen:
            return None
        memory[start + frame.f_lineno] = 1
        if all(memory[start + line] for _, _, line in code.co_lines() if line):
            all_seen.add(code)  # by an earlier run, most often: a function without news is not traced
            return None

        def trace_line(frame: FrameType, _event: str, _argument: Any) -> Any:
            memory[start + frame.f_lineno] = 1
            return trace_line

        return trace_line

    return trace


def main() -> int:
    sys.settrace(tracer(Path(sys.argv[1])))
    from pyoci.cli.main import main as run

    return run(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
