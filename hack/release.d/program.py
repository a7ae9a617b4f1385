"""Link the program of a release: pyoci, the interpreter and the libraries, all in one file."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from inputs import ReleaseError
from libraries import Build, run

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "launcher"))

import build_program  # noqa: E402 - needs the line above

# As __FILE__ and in messages; the names of the folders below `work` are the same in every build.
_PURE = (
    "attrs",
    "jeepney",
    "jsonschema",
    "jsonschema-specifications",
    "pyroute2",
    "referencing",
    "rich",
    "python-prctl",
)


def link(build: Build, python: Path, interpreter: Path, log: Path, commit: str, *, symbols: bool = False) -> Path:
    """The program in `work`, with the names of its functions if `symbols`.

    `python` is libpython's build folder, `interpreter` one of the same version that runs here.
    """
    folder = build.work / "program"
    folder.mkdir()
    facts = folder / "facts.py"
    facts.write_text(build_program.build_facts(commit, ""))
    source, installed = build.source("python"), build.work / "installed"
    freeze = [interpreter, "-s", "-X", "no_debug_ranges", ROOT / "hack/release.d/freeze_release.py"]
    packages = [build.source(name) for name in _PURE]
    run(log, *freeze, ROOT, source / "Lib", folder, facts, *packages, cwd=folder, PYTHONHASHSEED="0")

    libseccomp = build.inputs.sources["libseccomp"]
    (checksum,) = (value for name, value in libseccomp.files.items() if ".orig." in name)
    strings = {
        "PYTHON_PREFIX": "/nowhere",
        "PYTHON_STDLIB": "",
        "PYTHON_DYNLOAD": "",
        "PYTHON_VENDOR_PACKAGES": "",
        "LIBSECCOMP_LINKED": f"{libseccomp.version} {checksum[:16]}",
    }
    target = build_program.Target(
        tools=build.machine.tools,
        # The last one that fits counts: the build may be in a folder of the checkout.
        compiler=(*build.compiler, "-static", f"-ffile-prefix-map={ROOT}=pyoci", *build.flags),
        options=("-DSTANDALONE", *(f"-D{name}={build_program.literal(value)}" for name, value in strings.items())),
        includes=(installed / "include", source / "Include", python),
        sources=(ROOT / "hack/release.d/shared.c", build.source("python-prctl") / "_prctlmodule.c"),
        python=(str(python / "libpython3.13.a"), *_module_archives(python)),
        libraries=(f"-L{installed / 'lib'}", "-lseccomp", "-lcap", "-lffi", "-lz", "-lm"),
        is_static=True,
        has_snapshot=build.machine.name in build_program.SNAPSHOT_MACHINES,
        is_release=True,
        has_symbols=symbols,
        interpreter="",
        facts="",
    )
    program = folder / "pyoci"
    try:
        with _errors_to(log):  # a static program makes the linker warn of each function that could load a module
            build_program.link(program, folder, target)
    except build_program.BuildError as error:
        raise ReleaseError(f"{error}: {log} has its output") from None
    return program


@contextlib.contextmanager
def _errors_to(log: Path) -> Iterator[None]:
    sys.stderr.flush()
    before = os.dup(2)
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)


def _module_archives(python: Path) -> list[str]:
    """Archives that modules of the interpreter are made of, beside libpython.a."""
    return [str(path) for path in sorted((python / "Modules").rglob("*.a"))]
