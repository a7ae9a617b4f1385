"""Run by the interpreter that was built: turn the modules of a release into C data (launcher/freeze.py, archive.py).

usage: freeze_release.py ROOT LIB FOLDER FACTS PACKAGES...
"""

from __future__ import annotations

import sys
from pathlib import Path

root, stdlib, folder, facts = map(Path, sys.argv[1:5])
sys.path.insert(0, str(root / "launcher"))

import archive  # noqa: E402 - needs the line above
import freeze  # noqa: E402

folders = [*map(Path, sys.argv[5:]), stdlib]


def without(name: str, line: str) -> str:
    """The source of the module `name` without a line that it has once."""
    found = archive.Packages(folders, {}).find(name)
    if found is None or found[0].source.count(line) != 1:
        sys.exit(f"{name} has another source than expected: look at what it does with {line.strip()!r}")
    return found[0].source.replace(line, "")


replaced = {
    "rpds": (root / "hack/release.d/standins/rpds.py").read_text(),
    # ctypes.util would start ldconfig and a compiler; ctypes.CDLL(None) has what pyroute2 calls (shared.c).
    "ctypes.util": "def find_library(name):\n    return None\n",
    # The widths of characters; rich has those of each version of Unicode, and takes the newest.
    "rich._unicode_data._versions": 'VERSIONS = ["17.0.0"]\n',
    # pyroute2 imports these at its top, for parts of it that pyoci does not use.
    "sqlite3": "",
    "attr._make": without("attr._make", "import unicodedata\n"),  # for make_class() alone; it is 1 MB
    "pyroute2.netlink.rtnl.probe_msg": without("pyroute2.netlink.rtnl.probe_msg", "import ssl\n"),
}
packages = archive.Packages(folders, replaced)
frozen = {module.name for module in freeze.modules(root, stdlib)} | set(sys.builtin_module_names)
modules = archive.of_pyoci(root, packages, frozen)
cold = archive.cold(root)
modules |= cold
(folder / "archive.txt").write_text("".join(f"{name}\n" for name in sorted(modules)))
freeze.write(root, stdlib, folder, facts.read_text(), archive.pack(modules), cold.keys())
