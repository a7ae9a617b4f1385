"""Compile and link the `pyoci` program for the interpreter that runs this file."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import snapshot

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    "launcher/pyoci.c",
    "launcher/memory.c",
    "launcher/seal.c",
    "launcher/snapshot.c",
    "pyoci/kernel/_raw.c",
    "pyoci/kernel/_deferred.c",
)

WARNINGS = ("-Wall", "-Wextra", "-Wno-missing-field-initializers")
# Debian's own python3 is no position-independent program either: it saves 0.6 of 6 ms in every command.
HARDENING = ("-no-pie", "-fno-pie", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro,-z,now")
# What a snapshot is known to work with (launcher/snapshot.c): versions of Python's static library, and machines.
SNAPSHOT_VERSIONS = ((3, 11), (3, 13))
SNAPSHOT_MACHINES = ("x86_64",)
WITH_SNAPSHOT = (
    "-DWITH_SNAPSHOT",
    "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free",
    # Behind the program, which ends below 16 MiB, and away from it: so it has a segment of its own.
    "-Wl,--section-start=.snapshot=0x10000000",
)
# Debian's libpython.a of Python 3.12 and 3.13 needs this archive, which is in no package, for one module.
SHA2 = "Modules/_hacl/libHacl_Hash_SHA2.a"


class BuildError(Exception):
    """The program cannot be built here; the words say what is missing."""


def build(program: Path, folder: Path) -> None:
    """Make `program`; intermediate files are left in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    program.parent.mkdir(parents=True, exist_ok=True)
    # Without the columns of each instruction, which would underline a part of a source line: there is no source.
    run(sys.executable, "-X", "no_debug_ranges", str(ROOT / "launcher" / "freeze.py"), str(folder))
    if can_have_snapshot() and not os.environ.get("PYOCI_NO_SNAPSHOT"):
        link(program, folder, WITH_SNAPSHOT)
        try:
            snapshot.take(program)
            return
        except snapshot.SnapshotError as error:
            sys.stderr.write(f"no snapshot, so pyoci starts Python anew in every run, which is slower: {error}\n")
    link(program, folder, ())


def link(program: Path, folder: Path, options: tuple[str, ...]) -> None:
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").exists():
        raise BuildError(f"{include}/Python.h is missing: install the headers of Python (python3-dev)")
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    run(
        *compiler,
        "-O2",
        *WARNINGS,
        *HARDENING,
        *options,
        f"-I{folder}",
        f"-I{include}",
        *(f"-D{name}={literal(value)}" for name, value in places().items()),
        *(str(ROOT / source) for source in SOURCES),
        str(folder / "frozen.c"),
        *python_library(compiler),
        "-o",
        str(program),
    )
    # The symbols that extension modules look for stay; the rest is 1 MB.
    run("strip", "--strip-unneeded", str(program))


def places() -> dict[str, str]:
    """What the program knows of its interpreter: paths that the caller's environment cannot change."""
    # Where apt puts packages for the distribution's own python3.
    vendor = "/usr/lib/python3/dist-packages"
    return {
        "PYTHON_PREFIX": sys.base_prefix,
        "PYTHON_STDLIB": sysconfig.get_path("stdlib"),
        "PYTHON_DYNLOAD": sysconfig.get_config_var("DESTSHARED") or "",
        "PYTHON_VENDOR_PACKAGES": vendor if sys.base_prefix == "/usr" and os.path.isdir(vendor) else "",
    }


def python_library(compiler: list[str]) -> list[str]:
    """Linker arguments for libpython: the static one, which starts faster, else the shared one."""
    static = static_library()
    system = shlex.split(f"{config('LIBS')} {config('SYSLIBS')}")
    if static is not None:
        modules = [static_variant(word, compiler) for word in shlex.split(config("MODLIBS")) if word != SHA2]
        without = ["-DWITHOUT_SHA2"] if SHA2 in shlex.split(config("MODLIBS")) else []
        return [*without, str(static), *shlex.split(config("LINKFORSHARED")), *modules, *system]
    for folder in (config("LIBDIR"), config("LIBPL")):
        if Path(folder, config("LDLIBRARY")).exists() and config("Py_ENABLE_SHARED") == "1":
            name = config("LDLIBRARY").removeprefix("lib").removesuffix(".so")
            return [f"-L{folder}", f"-Wl,-rpath,{folder}", f"-l{name}", *system]
    raise BuildError(f"no libpython, neither {config('LIBRARY')} nor {config('LDLIBRARY')}: install python3-dev")


def can_have_snapshot() -> bool:
    known = sys.version_info[:2] in SNAPSHOT_VERSIONS and platform.machine() in SNAPSHOT_MACHINES
    return known and static_library() is not None


def static_library() -> Path | None:
    found = Path(config("LIBPL"), config("LIBRARY"))
    return found if found.suffix == ".a" and found.exists() else None


def static_variant(word: str, compiler: list[str]) -> str:
    """-lz as -l:libz.a where there is one: no file is then loaded for it at every start."""
    archive = f"lib{word.removeprefix('-l')}.a"
    if word in ("-lm", "-ldl", "-lpthread") or not word.startswith("-l"):
        return word
    found = subprocess.run(
        [*compiler, f"-print-file-name={archive}"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    return f"-l:{archive}" if os.path.isabs(found) else word


def config(name: str) -> str:
    return str(sysconfig.get_config_var(name) or "")


def literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def run(*command: str) -> None:
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        raise BuildError(f"{command[0]} is missing: install a C compiler (gcc, libc6-dev)") from None
    except subprocess.CalledProcessError as error:
        words = shlex.join(command)
        raise BuildError(f"{command[0]} failed with status {error.returncode}: {words}") from None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: build_program.py PROGRAM")
    try:
        build(Path(sys.argv[1]), ROOT / "build" / f"launcher-{sys.implementation.cache_tag}")
    except BuildError as error:
        sys.exit(f"pyoci cannot be built: {error}")
