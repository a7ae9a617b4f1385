"""The program of a release: PYOCI_RELEASE names it, else it is looked for in dist/, where hack/release puts it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def find_program() -> Path:
    named = os.environ.get("PYOCI_RELEASE")
    made = [Path(named)] if named else sorted((ROOT / "dist").glob(f"pyoci-*-{platform.machine()}"))
    if not made:
        pytest.skip("there is no release: hack/release makes it")
    return made[-1]
