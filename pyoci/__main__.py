"""`python3 -I -m pyoci`: the command line without the launcher, for work on pyoci itself.

Slower, and not sealed: the interpreter that a container can see is the host's (CVE-2019-5736, launcher/seal.c). So
commands that send a process into a container are refused.
"""

from __future__ import annotations

import sys

from pyoci.cli.main import main
from pyoci.errors import UsageError

_ENTERS = "pyoci.host.spawn"  # as in launcher/freeze.py


class _Refusal:
    """A finder for one module, which every command that must be sealed imports."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name == _ENTERS:
            raise UsageError(
                "this command starts a process in a container, which could overwrite the Python interpreter that runs"
                " it; use the compiled program (pip install .)"
            )


if __name__ == "__main__":
    sys.meta_path.insert(0, _Refusal)
    sys.exit(main(sys.argv[1:]))
