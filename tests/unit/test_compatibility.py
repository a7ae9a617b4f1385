"""docs/compatibility.md is what hack/compatibility makes, and each of its rows has an answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date_and_has_no_empty_row() -> None:
    check = [sys.executable, str(ROOT / "hack" / "compatibility"), "--check"]
    result = subprocess.run(check, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 0, result.stderr
