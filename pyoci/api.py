"""The former name of the library: `import pyoci` has all of it (docs/library.md)."""

from __future__ import annotations

from pyoci.library.container import Container
from pyoci.library.outcome import Finished
from pyoci.library.program import find_program

__all__ = ["Container", "Finished", "find_program"]
