"""The first Python code of the `pyoci` program; frozen into it as `_pyoci_boot`."""

from __future__ import annotations

import _frozen_importlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(packages: str) -> int:
    """Run the command line and return the exit status.

    `packages` is the folder that pip installed pyoci into; empty when there is none beside the program.
    """
    # Before Python 3.12 the import statement finds no built-in module inside of a package.
    importer: Any = _frozen_importlib  # the stubs leave out what importlib keeps for itself
    importer._load(importer.ModuleSpec("pyoci.kernel._raw", importer.BuiltinImporter, origin="built-in"))

    import pyoci

    if packages:
        # The importer of frozen modules believes that all of them come from the standard library.
        pyoci.__file__ = f"{packages}/pyoci/__init__.py"
        pyoci.__path__ = [f"{packages}/pyoci"]

    from pyoci.cli.main import main

    status = main(sys.argv[1:])
    return status if _flush() else status or 1


def _flush() -> bool:
    """Write out what print() left in the buffers: the program ends without Python's own end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            # None where the caller closed the descriptor.
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            return False
    return True
