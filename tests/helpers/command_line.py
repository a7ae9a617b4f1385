"""The command line of the checkout, without its program: for tests that need no build and no root."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# With what `site` brings: the dependencies.
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from pyoci.cli.main import main
sys.exit(main(sys.argv[2:]))
"""
PLACE = str(Path(__file__).resolve().parents[2])


def pyoci(*argv: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `pyoci` with these words; `options` are those of subprocess.run."""
    given: dict[str, object] = {"capture_output": True, "text": True, "timeout": 30} | options
    return subprocess.run([sys.executable, "-I", "-c", PROGRAM, PLACE, *argv], **given)  # type: ignore[call-overload, no-any-return]
