"""Modules from the archive in a release of the program; frozen into it as `_pyoci_archive`.

All that is not frozen itself: the standard library's modules and packages of others. archive.py makes it.
"""

from __future__ import annotations

import _frozen_importlib
import marshal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

    from boot import Finder
else:
    from _pyoci_boot import Finder

_importer: Any = _frozen_importlib  # the stubs leave out what importlib keeps for itself
_HEAD = 4  # bytes: the length of the index


class Archive(Finder):
    """Finds and loads modules, and reads the data files beside them."""

    def __init__(self, archive: memoryview, second_step: Callable[[], None]) -> None:
        super().__init__(second_step)
        self._archive = archive
        self._index: dict[str, tuple[int, int, bool]] = {}

    def install(self) -> None:
        super().install()
        if self not in sys.meta_path:
            # Python's start is complete, and has a finder for files, but nothing else finds what is in the archive
            sys.meta_path.append(self)

    def _find(self, name: str) -> tuple[int, int, bool] | None:
        if not self._index:
            length = int.from_bytes(self._archive[:_HEAD], "little")
            self._index = marshal.loads(self._archive[_HEAD : _HEAD + length])  # noqa: S302  # the program's own
        return self._index.get(name)

    def read(self, name: str) -> bytes:
        """What was packed as `name`. Raises FileNotFoundError."""
        import zlib

        entry = self._find(name)
        if entry is None:
            raise FileNotFoundError(2, "not in the program's archive", name)
        begin, size, _ = entry
        return zlib.decompress(self._archive[begin : begin + size])

    def names(self, folder: str) -> list[str]:
        """What is in `folder`, which ends with a slash."""
        self._find(folder)
        rests = {name.removeprefix(folder) for name in self._index if name.startswith(folder)}
        return sorted({rest.partition("/")[0] for rest in rests})

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        entry = self._find(name)
        if entry is None:
            return None
        self.complete()
        spec = _importer.ModuleSpec(name, self, origin=f"<pyoci {name}>", is_package=entry[2])
        if entry[2]:
            spec.submodule_search_locations = [f"<pyoci {name}>"]
        return spec

    def create_module(self, _spec: Any) -> ModuleType | None:
        return None  # an ordinary one

    def exec_module(self, module: ModuleType) -> None:
        exec(marshal.loads(self.read(module.__name__)), module.__dict__)  # noqa: S102, S302  # the program's own

    def get_resource_reader(self, name: str) -> _Reader:
        """importlib.resources asks for it."""
        return _Reader(self, name.replace(".", "/"))


class _Reader:
    def __init__(self, archive: Archive, folder: str) -> None:
        self._root = _Entry(archive, folder)

    def files(self) -> _Entry:
        return self._root


class _Entry:
    """importlib.resources.abc.Traversable: a folder or a file of the archive."""

    def __init__(self, archive: Archive, path: str) -> None:
        self._archive = archive
        self._path = path
        self.name = path.rpartition("/")[2]

    def iterdir(self) -> Iterator[_Entry]:
        for name in self._archive.names(f"{self._path}/"):
            yield _Entry(self._archive, f"{self._path}/{name}")

    def joinpath(self, *names: str) -> _Entry:
        return _Entry(self._archive, "/".join((self._path, *names)))

    __truediv__ = joinpath

    def is_dir(self) -> bool:
        return bool(self._archive.names(f"{self._path}/"))

    def is_file(self) -> bool:
        return not self.is_dir()

    def read_bytes(self) -> bytes:
        return self._archive.read(self._path)

    def read_text(self, encoding: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8")
