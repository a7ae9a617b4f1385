"""docs/errors.md as data: a section's rows."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/errors.md"


def rows(section: str) -> dict[str, list[str]]:
    """First column -> the pieces of the message that stand in the second one (`...` is between two of them)."""
    text = PAGE.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(" | ")]
        if len(cells) == 3 and cells[0].startswith("| ") and not cells[0].startswith("| what"):
            messages = re.findall(r"`` (.+?) ``|`([^`]+)`", cells[1])
            found[cells[0][2:]] = [piece for message in messages for piece in (message[0] or message[1]).split("...")]
    return found
