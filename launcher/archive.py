"""Pack what a release of the program imports besides pyoci: modules of the standard library and of other packages.

Which ones is found out from their import statements, from pyoci's modules on. archive_finder.py reads the archive.
"""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Iterable
from pathlib import Path

import freeze

# Nothing of pyoci leads to them, only tools and tests in the packages that it imports.
LEFT_OUT = {
    "doctest", "encodings.idna", "ensurepip", "idlelib", "lib2to3", "pdb", "pydoc", "test", "tests", "tkinter",
    "turtle", "webbrowser", "venv", "_pydatetime", "_pyio", "ftplib", "smtplib", "ssl", "xml", "xmlrpc",
}  # fmt: skip
# Modules that others import by a name that they put together, or that C code imports.
ASKED_FOR_BY_NAME = (
    "encodings.ascii", "encodings.latin_1", "encodings.utf_8_sig", "encodings.utf_16",
    "traceback", "warnings", "json.decoder", "_strptime", "datetime", "linecache", "tokenize",
    "rich._unicode_data.unicode17-0-0",
)  # fmt: skip
DATA = (".json",)
_HEAD = 4


class Packages:
    """Folders in which modules are looked for, the first one first. `replaced` has the source of some."""

    def __init__(self, folders: Iterable[Path], replaced: dict[str, str]) -> None:
        self._folders = list(folders)
        self._replaced = replaced

    def find(self, name: str) -> tuple[freeze.Module, Path | None] | None:
        if name in self._replaced:
            return freeze.Module(name, self._replaced[name], False), None
        relative = name.replace(".", "/")
        for folder in self._folders:
            for path, is_package in ((folder / relative / "__init__.py", True), (folder / f"{relative}.py", False)):
                if path.is_file():
                    return freeze.Module(name, path.read_text("utf-8"), is_package), path
        return None


def closure(start: Iterable[str], packages: Packages, frozen: set[str]) -> dict[str, tuple[freeze.Module, Path | None]]:
    """All modules that `start` leads to, but for those in `frozen`."""
    found: dict[str, tuple[freeze.Module, Path | None]] = {}
    waiting, seen = list(start), set()
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        if name in seen or name in LEFT_OUT or LEFT_OUT & set(parts):
            continue
        seen.add(name)
        waiting += [".".join(parts[:count]) for count in range(1, len(parts))]
        entry = packages.find(name)
        if entry is None:
            continue
        if name not in frozen:
            found[name] = entry
        waiting += freeze.imports(entry[0])
    return found


def pack(modules: dict[str, tuple[freeze.Module, Path | None]]) -> bytes:
    """The archive: the index's length, the index, and the blobs, each compressed."""
    blobs: dict[str, tuple[bytes, bool]] = {}
    for name, (module, path) in modules.items():
        code = freeze.code(module) if _is_own(name) else freeze.foreign_code(module)
        blobs[name] = (marshal.dumps(code), module.is_package)
        if module.is_package and path is not None:
            for file in sorted(path.parent.rglob("*")):
                inside = file.relative_to(path.parent)
                if file.suffix in DATA and not LEFT_OUT & set(inside.parts):
                    blobs[f"{name.replace('.', '/')}/{inside}"] = (file.read_bytes(), False)
    packed = [(name, zlib.compress(data, 9), is_package) for name, (data, is_package) in sorted(blobs.items())]
    # The offsets count from the start of the archive, so their lengths must not depend on the index's: 4 bytes each.
    length = len(marshal.dumps({name: (0, len(data), is_package) for name, data, is_package in packed}))
    index, offset = {}, _HEAD + length
    for name, data, is_package in packed:
        index[name] = (offset, len(data), is_package)
        offset += len(data)
    head = marshal.dumps(index)
    if len(head) != length:
        raise ValueError("the archive's index has another length than expected")
    return length.to_bytes(_HEAD, "little") + head + b"".join(data for _, data, _ in packed)


def cold(root: Path) -> dict[str, tuple[freeze.Module, Path | None]]:
    """Those of pyoci's own modules that go into the archive."""
    return {module.name: (module, None) for module in freeze.package(root) if freeze.is_cold(module.name)}


def of_pyoci(root: Path, packages: Packages, frozen: set[str]) -> dict[str, tuple[freeze.Module, Path | None]]:
    """The modules that pyoci's own import, directly or not."""
    start = {name for module in freeze.package(root) for name in freeze.imports(module) if not _is_own(name)}
    return closure([*start, *ASKED_FOR_BY_NAME], packages, frozen)


def _is_own(name: str) -> bool:
    return name.partition(".")[0] == "pyoci"
