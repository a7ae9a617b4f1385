"""Turn Python modules into C data: the `pyoci` program carries its modules instead of looking for files.

An import then costs no system call, cannot be led astray by a file, and works after the root has changed.
"""

from __future__ import annotations

import ast
import marshal
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import NamedTuple

# What every start of Python reads from the standard library and is not frozen there already.
STDLIB = ("encodings/__init__.py", "encodings/aliases.py", "encodings/utf_8.py")

# Python asks for zipimport at every start and does without where there is none. It costs 0.3 ms, for zip
# files on the search path, of which we have none.
REPLACED = {"zipimport": "raise ImportError('the search path of pyoci has no zip files')"}

HEADER = """\
/* Made by launcher/freeze.py. */
#include <Python.h>
extern const struct _frozen pyoci_frozen_modules[];
"""


class Module(NamedTuple):
    name: str
    source: str
    is_package: bool


def modules(root: Path, stdlib: Path) -> list[Module]:
    """All modules to freeze: those of the launcher, of `REPLACED`, of `STDLIB` and of the package."""
    found = [Module("_pyoci_boot", (root / "launcher" / "boot.py").read_text(), False)]
    found += [Module(name, source, False) for name, source in REPLACED.items()]
    found += [_module(stdlib, stdlib / path) for path in STDLIB]
    return [*found, *_package(root)]


def _package(root: Path) -> Iterator[Module]:
    for path in sorted((root / "pyoci").rglob("*.py")):
        yield _module(root, path)


def _module(base: Path, path: Path) -> Module:
    parts = path.relative_to(base).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return Module(".".join(parts[:-1] if is_package else parts), path.read_text("utf-8"), is_package)


def code(module: Module) -> CodeType:
    # The file name is in brackets: a traceback then looks for no source, in no working directory.
    file_name = f"<frozen {module.name}>"
    tree = ast.parse(module.source, file_name)
    # `from __future__ import annotations` also imports when it runs: 0.4 ms. A flag means the same.
    flags = 0
    for node in list(tree.body):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            if [alias.name for alias in node.names] != ["annotations"]:
                raise ValueError(f"{module.name}: only annotations can be imported from __future__ here")
            tree.body.remove(node)
            flags = annotations.compiler_flag
    _strip_annotations(tree)
    if module.name.startswith("pyoci.cli."):
        _keep_docstring(tree)
    compiled: CodeType = compile(tree, file_name, "exec", flags, dont_inherit=True, optimize=2)
    return compiled


def _strip_annotations(tree: ast.AST) -> None:
    """Those of functions, which nobody reads at run time: 3 % of a `run`. Those of classes are a record's fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None


def _keep_docstring(tree: ast.Module) -> None:
    """As a variable: `--help` shows what a command's module says of itself, and optimize=2 drops docstrings."""
    words = ast.get_docstring(tree)
    if words is not None:
        assignment = ast.parse(f"__doc__ = {words!r}").body[0]
        tree.body[0] = ast.copy_location(assignment, tree.body[0])
        ast.fix_missing_locations(tree)


def literal(data: bytes) -> str:
    """A C string: gcc reads it many times faster than a list of numbers."""
    lines = (data[at : at + 24] for at in range(0, len(data), 24))
    return "\n".join('    "' + "".join(f"\\{byte:03o}" for byte in line) + '"' for line in lines)


def write(root: Path, stdlib: Path, folder: Path) -> None:
    """Write frozen.c and frozen.h into `folder`."""
    data, table = [], []
    for number, module in enumerate(modules(root, stdlib)):
        blob = marshal.dumps(code(module))
        data.append(f"static const unsigned char m{number}[] =\n{literal(blob)};\n")
        table.append(
            f'    {{.name = "{module.name}", .code = m{number}, .size = {len(blob)},'
            f" .is_package = {int(module.is_package)}}},\n"
        )
    (folder / "frozen.h").write_text(HEADER)
    (folder / "frozen.c").write_text(
        f'#include "frozen.h"\n\n{"".join(data)}\n'
        f"const struct _frozen pyoci_frozen_modules[] = {{\n{''.join(table)}    {{0}},\n}};\n"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: freeze.py FOLDER")
    write(Path(__file__).resolve().parent.parent, Path(sysconfig.get_path("stdlib")), Path(sys.argv[1]))
