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
    from types import ModuleType
    from typing import Any

_importer: Any = _frozen_importlib  # the stubs leave out what importlib keeps for itself

# The standard library's two folders come first on the search path, the distribution's own packages last.
_AHEAD = 2


class Finder:
    """The last finder before files are searched for: it completes Python's start when it has to.

    The start's second step installs what searches, and `open`.
    """

    def __init__(self, second_step: Callable[[], None]) -> None:
        self._second_step: Callable[[], None] | None = second_step

    def install(self) -> None:
        if hasattr(builtins, "open"):
            self._second_step = None  # it is done already
        else:
            builtins.open = self.open
            sys.meta_path.append(self)

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        raise NotImplementedError

    def search(self, packages: str) -> None:
        """Look for modules in the folder `packages`, too."""

    def open(self, *args: Any, **keywords: Any) -> Any:
        self.complete()  # replaces this method by io.open
        return open(*args, **keywords)

    def complete(self) -> None:
        if self not in sys.meta_path:
            # init has forgotten all imports: what they would find now is the container's.
            raise ImportError("nothing can be imported inside the container")
        if self._second_step is not None:
            step, self._second_step = self._second_step, None
            step()
            if "time" in sys.modules:
                sys.modules["time"].tzset()  # the snapshot has the names and offsets of where the program was built
            self.completed()

    def completed(self) -> None:
        """Called once, after the second step."""


class _Files(Finder):
    """Modules in files. A compiled one of the standard library is loaded from the one place where it can be."""

    def __init__(self, compiled: str, second_step: Callable[[], None]) -> None:
        super().__init__(second_step)
        self._compiled = compiled
        self._packages = ""

    def search(self, packages: str) -> None:
        self._packages = packages
        if self._second_step is None:
            sys.path.insert(_AHEAD, packages)

    def completed(self) -> None:
        if self._packages:
            sys.path.insert(_AHEAD, self._packages)

    def find_spec(self, name: str, path: object = None, _target: object = None) -> Any:
        file = f"{self._compiled}/{name}{_imp.extension_suffixes()[0]}"
        if path is None and self._compiled and posix.access(file, posix.R_OK):
            return _importer.ModuleSpec(name, self, origin=file)
        self.complete()
        return None  # the next finder of sys.meta_path searches

    def create_module(self, spec: Any) -> ModuleType:
        return _imp.create_dynamic(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = module.__spec__.origin  # type: ignore[union-attr]  # made by find_spec
        _imp.exec_dynamic(module)


class _NotHere(ModuleNotFoundError):
    pass


class _Own:
    """While a snapshot is prepared, the first finder: nothing but pyoci and what is compiled into the program.

    A file's module belongs to the run that asks for it, and Python modules of the standard library keep what they saw
    when they were loaded, such as os.environ.
    """

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if not _imp.is_frozen(name) and name not in sys.builtin_module_names:
            raise _NotHere(f"{name} is not for a snapshot", name=name)


_files: Finder


def prepare(compiled: str, second_step: Callable[[], None], archive: memoryview) -> None:
    """Let Python find pyoci's modules, and those in files or in the archive when they are asked for.

    `compiled` is the standard library's folder of compiled modules. `second_step` completes Python's start. `archive`
    is what launcher/archive.py packed, empty where modules are in files.
    """
    global _files  # noqa: PLW0603  # there is one, as there is one interpreter
    sys.executable = ""  # there is none; pyoci.c must name one
    if archive:
        finder: Any = __import__("_pyoci_archive")  # archive_finder.py, which needs this module
        _files = finder.Archive(archive, second_step)
    else:
        _files = _Files(compiled, second_step)
    _files.install()
    # Before Python 3.12 the import statement finds no built-in module inside of a package.
    for name in ("pyoci._record", "pyoci.kernel._raw", "pyoci.kernel._seccomp"):
        _importer._load(_importer.ModuleSpec(name, _importer.BuiltinImporter, origin="built-in"))


_POOL = 1 << 14  # pymalloc's unit for objects of one size (Objects/obmalloc.c, since Python 3.10)
_POOL_HEAD = 48
_fillers: list[object] = []


def load_all() -> None:
    """Load pyoci for a snapshot, except for cold modules (freeze.py) and for those that `_Own` refuses an import of."""
    sys.meta_path.insert(0, _Own)
    for name in _imp._frozen_module_names():  # type: ignore[attr-defined]  # the stubs do not know it
        if name == "_pyoci_cold":
            break
        if name.startswith("pyoci."):
            try:
                __import__(name)
            except ImportError as error:
                if not _is_not_here(error):
                    raise
    sys.meta_path.remove(_Own)
    _fill_holes()
    from pyoci import build

    build.SNAPSHOT = True  # true wherever this is read again


def _is_not_here(error: ImportError) -> bool:
    """Whether `_Own` has refused a module. Any other ImportError is a fault: a name that the module does not have.

    Python raises a plain ImportError when `_Own` refuses the `name` of `from pyoci.host import name`.
    """
    if isinstance(error, _NotHere):
        return True
    folder = sys.modules.get(error.name or "")
    wanted = getattr(error, "name_from", None)  # since Python 3.12
    return hasattr(folder, "__path__") and not (wanted and _imp.is_frozen(f"{error.name}.{wanted}"))


def _fill_holes() -> None:
    """Use up the free memory between the objects of a snapshot, so that a run's own have pages of their own.

    Objects of up to 512 bytes come from pools, each for one size in steps of 16; once a new object is the first of its
    pool, all other pools of its size are full.
    """
    for size in range(16, 513, 16):
        for _ in range(_POOL):
            _fillers.append(_object_of(size))
            if id(_fillers[-1]) % _POOL == _POOL_HEAD:
                break


def _object_of(size: int) -> object:
    if size == 16:
        return object()
    if size == 32:
        return len(_fillers) + (1 << 20)
    return bytes(size - 33)  # what a byte string has besides its bytes


def run(words: list[str], packages: str) -> int:
    """Run the command line `words` and return the exit status.

    `packages` is the folder that pip installed pyoci into; empty when there is none beside the program.
    """
    import pyoci

    if packages:
        # The importer of frozen modules believes that all of them come from the standard library.
        pyoci.__file__ = f"{packages}/pyoci/__init__.py"
        pyoci.__path__ = [f"{packages}/pyoci"]
        _files.search(packages)

    from pyoci.cli.main import main

    status = main(words)
    return status if _flush() else status or 1


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
