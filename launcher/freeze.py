"""Turn Python modules into C data: the `pyoci` program carries its modules instead of looking for files.

An import then costs no system call, cannot be led astray by a file, and works after the root has changed.
"""

from __future__ import annotations

import ast
import marshal
import sys
import sysconfig
from collections.abc import Container, Iterator
from pathlib import Path
from types import CodeType
from typing import NamedTuple

# What every start of Python reads from the standard library and is not frozen there already.
STDLIB = ("encodings/__init__.py", "encodings/aliases.py", "encodings/utf_8.py")

# Python asks for zipimport at every start and does without where there is none. It costs 0.3 ms, for zip
# files on the search path, of which we have none.
REPLACED = {"zipimport": "raise ImportError('the search path of pyoci has no zip files')"}

# The library, which Python programs import: the program has no use for it.
LEFT_OUT = ("aio.py", "library")

# Those of pyoci that no engine waits for. They are not in a snapshot, and compressed in a release.
COLD = (
    "pyoci.criu", "pyoci.doctor", "pyoci.explain", "pyoci.manual", "pyoci.throwaway", "pyoci.top",
    "pyoci.cli.checkpoint", "pyoci.cli.completion", "pyoci.cli.doctor", "pyoci.cli.explain", "pyoci.cli.help",
    "pyoci.cli.mounts", "pyoci.cli.restore", "pyoci.cli.top", "pyoci.cli.try", "pyoci.cli.validate",
    "pyoci.host.bundle_warnings", "pyoci.host.checkpoint", "pyoci.host.config_warnings", "pyoci.host.image_folder",
    "pyoci.host.mounts", "pyoci.host.restore", "pyoci.host.restore_request", "pyoci.host.restored",
    "pyoci.init.mounts_sequence", "pyoci.init.restore_stage", "pyoci.plan.checkpoint", "pyoci.plan.criu",
    "pyoci.plan.restore",
    "pyoci.spec._generated_schema", "pyoci.spec.explain", "pyoci.spec.words",
    # of few containers, or of errors
    "pyoci.cgroups.resctrl", "pyoci.cli.mistakes", "pyoci.host.advice", "pyoci.host.file_text",
    "pyoci.host.net_devices", "pyoci.host.rootfs_view", "pyoci.host.seccomp_warnings", "pyoci.host.why_mount",
    "pyoci.host.why_program", "pyoci.host.why_user_namespace", "pyoci.kernel.foreign_link", "pyoci.plainjson",
    "pyoci.plan.idmap_option", "pyoci.trace",
)  # fmt: skip

# It stands for no module: those that follow it in the table are cold (boot.load_all).
COLD_FROM_HERE = "_pyoci_cold"

HEADER = """\
/* Made by launcher/freeze.py. */
#include <Python.h>
/* A snapshot has the modules that are loaded, and of the code what it may still need (snapshot.c). */
#ifdef WITH_SNAPSHOT
#define FROZEN_CODE __attribute__((section(".frozen_code")))
#else
#define FROZEN_CODE
#endif
extern struct _frozen pyoci_frozen_modules[];
extern const char *const pyoci_sealed_commands[]; /* seal.c; ends with NULL */
extern const unsigned char pyoci_archive[];       /* archive.py */
extern const size_t pyoci_archive_size;
"""

# Its own section: the archive is no C text, which would be three times as long.
ARCHIVE = """\
    .section .rodata
    .globl pyoci_archive
pyoci_archive:
    .incbin "{file}"
    .byte 0
    .section .note.GNU-stack, "", %progbits
"""

# A command that can come here sends a process into a container, which can see the program there (seal.c).
ENTERS = "pyoci.host.spawn"


class Module(NamedTuple):
    name: str
    source: str
    is_package: bool


def modules(root: Path, stdlib: Path) -> list[Module]:
    """All modules to freeze: those of the launcher, of `REPLACED`, of `STDLIB` and of the package."""
    launcher = {"_pyoci_boot": "boot.py", "_pyoci_archive": "archive_finder.py"}
    frozen = [Module(name, (root / "launcher" / file).read_text(), False) for name, file in launcher.items()]
    frozen += [Module(name, source, False) for name, source in REPLACED.items()]
    frozen += [_module(stdlib, stdlib / path) for path in STDLIB]
    return [*frozen, *package(root)]


def package(root: Path) -> Iterator[Module]:
    for path in sorted((root / "pyoci").rglob("*.py")):
        if path.relative_to(root / "pyoci").parts[0] not in LEFT_OUT:
            yield _module(root, path)


def _module(base: Path, path: Path) -> Module:
    parts = path.relative_to(base).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return Module(".".join(parts[:-1] if is_package else parts), path.read_text("utf-8"), is_package)


def is_cold(name: str) -> bool:
    return any(name == cold or name.startswith(f"{cold}.") for cold in COLD)


def in_order_of_use(root: Path, found: list[Module]) -> list[Module]:
    """The modules of engines' commands (hot.txt), the others, COLD_FROM_HERE, and the cold ones.

    A snapshot has its objects in the order in which modules are loaded, and is mapped and copied by pages: objects that
    are used together should be on few of them. The order spares `run` and `create` a tenth of the pages they write to.
    """
    hot = (root / "launcher" / "hot.txt").read_text().split()
    places = {name: place for place, name in enumerate(hot)}
    marked = [*found, Module(COLD_FROM_HERE, "", False)]
    return sorted(marked, key=lambda module: (_heat(module.name), places.get(module.name, len(hot))))


def _heat(name: str) -> int:
    return 1 if name == COLD_FROM_HERE else 2 if is_cold(name) else 0


def imports(module: Module) -> Iterator[str]:
    """Absolute names that `module` may import anywhere; of `from a import b` both a and a.b."""
    home = module.name if module.is_package else module.name.rpartition(".")[0]
    for node in ast.walk(ast.parse(module.source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            if node.level:
                base = home.rsplit(".", node.level - 1)[0] if node.level > 1 else home
                name = f"{base}.{name}" if name else base
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def sealed_commands(root: Path) -> list[str]:
    """The commands whose modules lead to `ENTERS`, in any function of theirs or of what they import."""
    graph = {module.name: set(imports(module)) for module in package(root)}
    return sorted(
        name.removeprefix("pyoci.cli.")
        for name in graph
        if name.startswith("pyoci.cli.") and name not in NO_COMMANDS and ENTERS in _reached(name, graph)
    )


# Modules of pyoci.cli that are no commands; main loads all commands by their names, so nothing is seen from it.
NO_COMMANDS = ("pyoci.cli.main", "pyoci.cli.options", "pyoci.cli.output")


def _reached(start: str, graph: dict[str, set[str]]) -> set[str]:
    reached, waiting = {start}, [start]
    while waiting:
        for name in graph[waiting.pop()]:
            if name in graph and name not in reached:
                reached.add(name)
                waiting.append(name)
    return reached


def foreign_code(module: Module) -> CodeType:
    """Of a module that is not pyoci's: as it would run with -OO."""
    compiled: CodeType = compile(module.source, f"<pyoci {module.name}>", "exec", dont_inherit=True, optimize=2)
    return compiled


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


def write(
    root: Path,
    stdlib: Path,
    folder: Path,
    build_facts: str | None = None,
    archive: bytes = b"",
    in_archive: Container[str] = (),
) -> None:
    """Write frozen.c, frozen.h and archive.bin into `folder`; `build_facts` is the source of pyoci.build."""
    data, table = [], []
    for number, module in enumerate(in_order_of_use(root, modules(root, stdlib))):
        if module.name in in_archive:
            continue
        if module.name == "pyoci.build" and build_facts is not None:
            module = module._replace(source=build_facts)  # noqa: PLW2901
        blob = marshal.dumps(code(module))
        data.append(f"FROZEN_CODE static const unsigned char m{number}[] =\n{literal(blob)};\n")
        table.append(
            f'    {{.name = "{module.name}", .code = m{number}, .size = {len(blob)},'
            f" .is_package = {int(module.is_package)}}},\n"
        )
    commands = [*(f'"{name}"' for name in sealed_commands(root)), "NULL"]
    (folder / "frozen.h").write_text(HEADER)
    (folder / "frozen.c").write_text(
        f'#include "frozen.h"\n\n{"".join(data)}\n'
        f"struct _frozen pyoci_frozen_modules[] = {{\n{''.join(table)}    {{0}},\n}};\n\n"
        f"const char *const pyoci_sealed_commands[] = {{{', '.join(commands)}}};\n"
        f"const size_t pyoci_archive_size = {len(archive)};\n"
    )
    (folder / "archive.bin").write_bytes(archive)
    (folder / "archive.S").write_text(ARCHIVE.format(file=(folder / "archive.bin").resolve()))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: freeze.py FOLDER FACTS")
    facts = Path(sys.argv[2]).read_text()
    write(Path(__file__).resolve().parent.parent, Path(sysconfig.get_path("stdlib")), Path(sys.argv[1]), facts)
