"""The first Python code of the `pyoci` program; frozen into it as `_pyoci_boot`."""

from __future__ import annotations

import _frozen_importlib
import _imp
import builtins
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, ModuleType
    from typing import Any

_importer: Any = _frozen_importlib  # the stubs leave out what importlib keeps for itself


class _Files:
    """The last finder before files are searched for: it does without the search, or completes Python's start.

    A compiled module of the standard library is loaded from the one place where it can be. For any other name the
    start's second step installs what searches, and `open`.
    """

    def __init__(self, folder: str, second_step: Callable[[], None]) -> None:
        self._folder = folder
        self._second_step: Callable[[], None] | None = second_step

    def find_spec(self, name: str, path: object = None, _target: object = None) -> Any:
        file = f"{self._folder}/{name}{_imp.extension_suffixes()[0]}"
        if path is None and self._folder and posix.access(file, posix.R_OK):
            return _importer.ModuleSpec(name, self, origin=file)
        self.complete()
        return None  # the next finder of sys.meta_path searches

    def create_module(self, spec: Any) -> ModuleType:
        return _imp.create_dynamic(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = module.__spec__.origin  # type: ignore[union-attr]  # made by find_spec
        _imp.exec_dynamic(module)

    def complete(self) -> None:
        if self not in sys.meta_path:
            # init has forgotten all imports: what they would find now is the container's.
            raise ImportError("nothing can be imported inside the container")
        if self._second_step is not None:
            step, self._second_step = self._second_step, None
            step()

    def open(self, *args: Any, **keywords: Any) -> Any:
        self.complete()  # replaces this method by io.open
        return open(*args, **keywords)


def run(
    words: list[str], packages: str, compiled: str, second_step: Callable[[], None], block: Callable[[int], Any]
) -> int:
    """Run the command line `words` and return the exit status.

    `packages` is the folder that pip installed pyoci into; empty when there is none beside the program. `compiled` is
    the standard library's folder of compiled modules. `second_step` completes Python's start; `block` reads one of
    freeze.py's blocks by its number.
    """
    files = _Files(compiled, second_step)
    if not hasattr(builtins, "open"):
        builtins.open = files.open
        sys.meta_path.append(files)

    # Before Python 3.12 the import statement finds no built-in module inside of a package.
    _importer._load(_importer.ModuleSpec("pyoci.kernel._raw", _importer.BuiltinImporter, origin="built-in"))

    import pyoci

    if packages:
        # The importer of frozen modules believes that all of them come from the standard library.
        pyoci.__file__ = f"{packages}/pyoci/__init__.py"
        pyoci.__path__ = [f"{packages}/pyoci"]

    _load_together(words, block)
    from pyoci.cli.main import main

    status = main(words)
    return status if _flush() else status or 1


def _load_together(words: list[str], block: Callable[[int], Any]) -> None:
    """Load what the command imports at its top, in the order that launcher/freeze.py found.

    One after the other without the import system, which takes 25 us for each of up to 90 modules. What is missing here
    is imported when it is needed, so a word that only looks like a command does no harm.
    """
    numbers = block(0)
    number = next((numbers[word] for word in words if word in numbers), None)
    if number is None:
        return
    codes: dict[int, tuple[CodeType, ...]] = {}
    for name, is_package, where, place in block(number):
        if name in sys.modules:
            continue
        if where not in codes:
            codes[where] = block(where)
        module = type(sys)(name)
        if is_package:
            module.__path__ = []
        sys.modules[name] = module
        exec(codes[where][place], module.__dict__)  # noqa: S102  # our own code, part of this program
        parent, _, leaf = name.rpartition(".")
        setattr(sys.modules[parent], leaf, module)


def _flush() -> bool:
    """Write out what print() left in the buffers: the program ends without Python's own end."""
    for name in ("stdout", "stderr"):
        # Missing before the second step; None where the caller closed the descriptor.
        stream = getattr(sys, name, None)
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            return False
    return True
