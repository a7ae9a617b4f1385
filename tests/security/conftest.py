"""Fixtures of the attacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.hostile import Outside


@pytest.fixture
def outside(scratch: Path) -> Outside:
    """A folder of the host that no container may touch."""
    return Outside(scratch / "outside")
