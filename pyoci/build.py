"""How this pyoci was built. The launcher freezes other values into the program (launcher/build_program.py)."""

from __future__ import annotations

COMMIT = ""
"""Of the source, with `+changes` where it was not what was committed; empty where nobody knows."""

STDLIB = ""
"""The folder of Python's standard library; empty in a release, which has all that it needs inside."""

IS_RELEASE = False
IS_PROGRAM = False
"""Whether this is the compiled program, which is sealed; `python -m pyoci` is not."""

SNAPSHOT = False
"""Whether Python is woken up from a snapshot. The module in the snapshot says so itself (launcher/boot.py)."""
