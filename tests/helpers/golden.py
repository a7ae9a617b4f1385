"""Files of tests that hold what was made when somebody last read it."""

from __future__ import annotations

import os
from pathlib import Path


def assert_golden(text: str, file: Path) -> None:
    """`text` is what the file holds; with PYOCI_UPDATE=1 the file is written first."""
    if os.environ.get("PYOCI_UPDATE"):
        file.write_text(text)
    assert text == file.read_text(), (
        f"{file.name} holds another text: where the change is meant, PYOCI_UPDATE=1 writes the file again, and its "
        "difference is to be read as a user would"
    )
