"""The import table of docs/architecture.md: who may import whom, imports in functions too, and what nobody may do."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "pyoci"
FILES = {str(path.relative_to(PACKAGE)): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}

MODULES = {file.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): tree for file, tree in FILES.items()}

# What everybody may use, besides the exceptions: plain data, and JSON as the runtime reads and writes it.
GROUND = {"record", "jsontext", "number_list"}
# Besides itself, and the function pyoci.phase.
TABLE = {
    "errors": set(),
    "build": set(),
    "log": {"errors", "kernel"} | GROUND,
    "record": {"_record"},  # its constructor, in C
    "number_list": set(),
    "jsontext": {"errors", "plainjson"},
    "plainjson": set(),
    "trace": {"errors", "log", "kernel"} | GROUND,
    "wire": {"errors", "kernel"} | GROUND,
    "kernel": {"errors"} | GROUND,
    "spec": {"errors"} | GROUND,
    "plan": {"errors", "spec", "wire", "kernel"} | GROUND,
    "cgroups": {"errors", "kernel", "wire"} | GROUND,
    "state": {"errors", "kernel", "wire", "cgroups"} | GROUND,
    "criu": {"errors", "kernel", "wire"} | GROUND,
    "hook_exec": {"errors", "kernel"} | GROUND,
    "init": {"errors", "kernel", "wire", "hook_exec"} | GROUND,
    "host": {"errors", "log", "hook_exec", "kernel", "wire", "cgroups", "state", "criu", "plan", "spec", "init"}
    | GROUND,
    "cli": {"errors", "build", "log", "trace", "kernel", "wire", "cgroups", "state", "criu", "plan", "spec", "host"}
    | {"explain", "doctor", "throwaway", "manual", "top"}
    | GROUND,
    "explain": {"errors", "wire", "kernel", "spec", "plan", "cgroups"} | GROUND,
    "doctor": {"errors", "kernel", "wire", "cgroups", "host"} | GROUND,
    "library": {"errors", "kernel", "state", "spec", "host", "cli"} | GROUND,
    "aio": {"library"},
    "manual": {"errors"} | GROUND,
    "top": {"errors", "kernel", "cgroups", "state"} | GROUND,
    "throwaway": {"errors", "build", "kernel", "wire", "spec", "state", "host"} | GROUND,
    "__main__": {"cli", "errors"},
    "__init__": {"trace", "errors", "library"},
}
# Narrower than the table: of these rooms, only these modules.
ONLY = {
    ("plan", "kernel"): {"uapi", "capabilities"},
    ("wire", "kernel"): {"scm_rights", "FAILED_CALL", "FAILED_PROGRAM"},
}
# Where the host's side may see the container's: where it forks into it, and where both must agree.
INTO_INIT = {"host/spawn.py", "host/create.py", "host/restore_request.py", "host/procfs_opener.py"}
THIRD_PARTY = {
    "jeepney": {"cgroups/dbus.py"},
    "jsonschema": {"spec/explain.py"},
    "referencing": {"spec/explain.py"},
    "prctl": {"host/privileges.py"},
    "rich": {"top/screen.py"},
    "pyroute2": {"host/net_devices.py", "throwaway/network.py"},
}
# The modules that are in no snapshot of the program (launcher/boot.py, load_all): they import others than pyoci's and
# compiled ones at their top, and what a run needs of them it loads from files. No hot path is among them.
IN_NO_SNAPSHOT = {
    "cgroups.dbus",
    "cgroups.oom",
    "cgroups.stats_v1",
    "cgroups.stats_v2",
    "cgroups.systemd",
    "cli.doctor",
    "cli.explain",
    "cli.list",
    "cli.spec",
    "cli.top",
    "cli.try",
    "cli.update",
    "cli.validate",
    "doctor.engines",
    "doctor.probe",
    "throwaway.changes",
    "throwaway.folder",
    "throwaway.layers",
    "throwaway.network",
    "throwaway.session",
    "throwaway.user",
    "throwaway.user_network",
    "top.screen",
    "trace",
}
# What Python programs import; the program has none of it (launcher/freeze.py).
LIBRARY = {"aio", "library"}
# In every static library of Python: what needs no shared object.
COMPILED = {
    "_blake2", "_signal", "_socket", "_stat", "_struct", "errno", "fcntl", "gc", "math", "posix", "pwd", "select",
    "sys", "time",
}  # fmt: skip
# Modules that read files of their own accord, start programs or threads: not where the files are the container's.
BANNED_INSIDE = {"subprocess", "pwd", "grp", "logging", "os", "shutil", "tempfile", "threading", "codecs", "locale"}


def _room(file: str) -> str:
    return file.split("/", maxsplit=1)[0].removesuffix(".py")


@pytest.mark.parametrize("file", FILES)
def test_table(file: str) -> None:
    room = _room(file)
    for module in _imports(FILES[file]):
        parts = module.split(".")
        if parts[0] != "pyoci" or parts[1:] in ([], ["phase"]) or parts[1] == room:
            continue
        assert parts[1] in TABLE[room], f"{file} must not import {module}"
        allowed = ONLY.get((room, parts[1]))
        assert allowed is None or parts[2] in allowed, f"{file} must not import {module}"
        assert parts[1] != "init" or file in INTO_INIT, f"{file} must not import {module}"


def test_no_circles() -> None:
    """Not in functions either. Only a package's own `__init__` may import the package's modules, and they it."""
    imported = {
        name: {
            other for other in _modules(tree) if other in MODULES.keys() - {name} and not name.startswith(f"{other}.")
        }
        for name, tree in MODULES.items()
    }
    while leaves := {name for name, others in imported.items() if not others}:
        imported = {name: others - leaves for name, others in imported.items() if name not in leaves}
    assert not imported, "these import each other, or something that does"


@pytest.mark.parametrize("file", FILES)
def test_third_party_packages_stay_in_their_files(file: str) -> None:
    for module in _imports(FILES[file]):
        top = module.split(".")[0]
        if top != "pyoci" and top not in sys.stdlib_module_names:
            assert file in THIRD_PARTY.get(top, ()), f"{file} must not import {module}"


def test_every_room_is_in_the_table() -> None:
    assert {_room(file) for file in FILES} == set(TABLE)


@pytest.mark.parametrize("file", [file for file in FILES if _room(file) in ("init", "wire", "kernel")])
def test_nothing_that_looks_around_inside_the_container(file: str) -> None:
    found = BANNED_INSIDE & {module.split(".")[0] for module in _imports(FILES[file])}
    assert not found, f"{file} must not import {found}"


@pytest.mark.parametrize("file", [file for file in FILES if _room(file) == "init"])
def test_init_imports_at_the_top_only(file: str) -> None:
    """After the fork nothing is imported: a module's file could be the container's."""
    late = [
        node.lineno
        for function in ast.walk(FILES[file])
        if isinstance(function, (ast.FunctionDef, ast.Lambda))
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert not late, f"{file}: imports in functions, lines {late}"


@pytest.mark.parametrize("file", [file for file in FILES if _room(file) == "init"])
def test_init_opens_through_the_kernel_only(file: str) -> None:
    """`open()` decodes, and a path of the container's must not be followed out of it: `kernel.beneath` opens them."""
    assert "open" not in set(_names_called(FILES[file]))


@pytest.mark.parametrize("file", FILES)
def test_no_shell_and_no_assert(file: str) -> None:
    """An assert is gone in the program (it is compiled with optimize=2); a shell would read what a caller wrote."""
    for node in ast.walk(FILES[file]):
        assert not isinstance(node, ast.Assert), f"{file}:{node.lineno}: assert"
        assert not (isinstance(node, ast.keyword) and node.arg == "shell"), f"{file}: shell="
    assert not {"eval", "exec", "print", "input", "breakpoint"} & set(_names_called(FILES[file]))


@pytest.mark.parametrize("file", FILES)
def test_annotations_are_not_evaluated(file: str) -> None:
    """They would need `typing`, 14 ms."""
    body = [node for node in FILES[file].body if not isinstance(node, ast.Expr)]
    first = body[0] if body else None
    assert first is None or (isinstance(first, ast.ImportFrom) and first.module == "__future__"), file


def test_hot_paths_are_in_the_snapshot() -> None:
    top = {name: [*_imports(_top(tree))] for name, tree in MODULES.items() if name.split(".")[0] not in LIBRARY}
    left_out: set[str] = set()
    while True:
        found = {name for name, modules in top.items() if not all(_is_kept(module, left_out) for module in modules)}
        if found == left_out:
            break
        left_out = found
    # Where `_json` and `math` are shared objects, no module may need them at its top; elsewhere one more is left out.
    assert left_out - IN_NO_SNAPSHOT == set()
    assert not IN_NO_SNAPSHOT - set(MODULES)


@pytest.mark.parametrize("file", [file for file in FILES if _room(file) not in LIBRARY])
def test_the_runtime_does_without_the_library(file: str) -> None:
    if file != "__init__.py":  # which loads its names when a program asks for them
        assert not LIBRARY & {module.split(".")[1] for module in _imports(FILES[file]) if module.startswith("pyoci.")}


def _is_kept(module: str, left_out: set[str]) -> bool:
    top, _, rest = module.partition(".")
    if top != "pyoci":
        return top in COMPILED or top == "__future__"
    # `from pyoci.a import b` names a module pyoci.a.b, or something in pyoci.a
    return rest not in left_out and (rest in MODULES or rest.rpartition(".")[0] not in left_out)


def _top(tree: ast.Module) -> ast.Module:
    """What runs when the module is loaded, and nothing fails."""
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.Try):
            body += node.body
        elif not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            body.append(node)
    return ast.Module(body, [])


def _imports(tree: ast.AST) -> Iterator[str]:
    """Full names of all modules (or names in modules) that are imported, but those that only types need."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from _imports(ast.Module(node.orelse, []))
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from _imports(node)


def _modules(tree: ast.AST) -> Iterator[str]:
    """Those of pyoci's own that are imported, by their names in MODULES."""
    for module in _imports(tree):
        name = module.removeprefix("pyoci.")
        if name not in (module, "phase"):
            yield name if name in MODULES else name.rpartition(".")[0]


def _names_called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
