"""`python3 -I -m pyoci`: the command line without the launcher, for work on pyoci itself.

Slower, and not sealed: the interpreter that a container can see is the host's (see launcher/seal.c).
"""

from __future__ import annotations

import sys

from pyoci.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
