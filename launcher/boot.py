"""The first Python code of the `pyoci` program; frozen into it as `_pyoci_boot`."""

from __future__ import annotations

import sys

import _frozen_importlib


def run(packages: str) -> int:
    """Run the command line and return the exit status; `packages` is the folder that pip installed pyoci into."""
    # BuiltinImporter finds no module inside of a package before Python 3.12, so the module is loaded by its name.
    spec = _frozen_importlib.ModuleSpec("pyoci.kernel._raw", _frozen_importlib.BuiltinImporter, origin="built-in")
    _frozen_importlib._load(spec)

    import pyoci

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
