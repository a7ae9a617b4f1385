"""`import pyoci`: what it has, what it costs, and what type checkers see."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any, assert_type

import pytest

import pyoci

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = [name for names in pyoci._PUBLIC.values() for name in names]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_is_there(name: str) -> None:
    assert getattr(pyoci, name) is not None
    assert name in dir(pyoci)


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Docker'"):
        _ = pyoci.Docker
    assert not hasattr(pyoci, "__path_of_nothing__")


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((ROOT / "pyoci/__init__.py").read_text())
    told = {
        alias.asname: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pyoci.")
        for alias in node.names
        if alias.asname
    }
    assert told == {name: f"pyoci.{module}" for module, names in pyoci._PUBLIC.items() for name in names}


def test_a_command_does_not_pay_for_it() -> None:
    """`from pyoci import log` asks the package for that name first, and must not load the library for an answer."""
    code = "import sys; import pyoci; from pyoci import errors, log, record; print(*sorted(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "pyoci.log" in found
    assert not [name for name in found if name.startswith(("pyoci.library", "importlib.", "pyoci.aio")) or name == "os"]


def test_a_name_brings_no_more_than_it_needs() -> None:
    code = "import sys; from pyoci import Exit; print(*sorted(sys.modules))"
    env = {"PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env).stdout
    assert "pyoci.library.container" not in found.split()


def test_asyncio_has_what_the_library_has() -> None:
    from pyoci import aio

    own = {name for name in dir(pyoci.Container) if not name.startswith("_")}
    theirs = {name for name in dir(aio.Container) if not name.startswith("_")}
    assert own <= theirs
    own = {name for name in dir(pyoci.Process) if not name.startswith("_")}
    assert own == {name for name in dir(aio.Process) if not name.startswith("_")}


def types(container: pyoci.Container) -> None:
    """Never called: mypy reads it."""
    assert_type(pyoci.run(["true"]), pyoci.Finished[bytes])
    assert_type(pyoci.run(["true"], text=True), pyoci.Finished[str])
    assert_type(pyoci.run(["true"], encoding="latin-1").stdout, str)
    assert_type(container.exec(["true"]).stdout, bytes)
    assert_type(container.exec(["true"], text=True).stdout, str)
    assert_type(container.popen(["true"]), pyoci.Process[bytes])
    assert_type(container.popen(["true"], text=True).communicate(), tuple[str, str])
    assert_type(container.wait(), pyoci.Exit)
    assert_type(container.wait().code, int | None)
    assert_type(pyoci.Config.default().with_args("true"), pyoci.Config)
    assert_type(pyoci.default_spec(rootless=True), dict[str, Any])
