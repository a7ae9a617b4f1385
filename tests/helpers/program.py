"""The compiled program, looked at from outside."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "launcher"))

import boot as boot  # noqa: E402, PLC0414 - frozen into the program
import build_program as build_program  # noqa: E402, PLC0414 - of the checkout, not installed
import snapshot as snapshot  # noqa: E402, PLC0414 - for its own tests, too


def can_have_snapshot() -> bool:
    """Whether a program that is built with this Python holds a snapshot (launcher/snapshot/README.md)."""
    return build_program.can_have_snapshot()


def has_snapshot(program: Path | str) -> bool:
    parts = snapshot.Program(Path(program).read_bytes()).variables()
    return len(parts) == 3 and parts[1].in_file > 0
