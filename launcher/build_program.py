"""Compile and link the `pyoci` program for the interpreter that runs this file."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import snapshot

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    "launcher/pyoci.c",
    "launcher/memory.c",
    "launcher/seal.c",
    "launcher/snapshot/huge_page.c",
    "launcher/snapshot/immortal.c",
    "launcher/snapshot/snapshot.c",
    "pyoci/_record.c",
    "pyoci/kernel/_raw.c",
    "pyoci/kernel/_deferred.c",
    "pyoci/kernel/_opener.c",
    "pyoci/kernel/_seccomp.c",
)

WARNINGS = ("-Wall", "-Wextra", "-Wno-missing-field-initializers")
# Debian's own python3 is no position-independent program either: it saves 0.6 of 6 ms in every command.
HARDENING = ("-fno-pie", "-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=2")
LINK_HARDENING = ("-no-pie", "-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code")
# What a snapshot is known to work with (snapshot/README.md): versions of Python's static library, and machines.
SNAPSHOT_VERSIONS = ((3, 11), (3, 13))
SNAPSHOT_MACHINES = ("x86_64",)
# Of entry.c, which runs before the C library: the compiler puts no call of it in, for a canary or a loop that copies.
ENTRY = ("-ffreestanding", "-fno-stack-protector", "-fno-tree-loop-distribute-patterns", "-mgeneral-regs-only")
WRAPPED = ("malloc", "calloc", "realloc", "free", "pthread_self", "clock_gettime")
# Variables of what is linked first, which get sections of their own (snapshot/variables.ld).
RENAMED = {
    **dict.fromkeys((".data", ".data.rel", ".data.rel.local"), "pyoci_data"),
    ".PyRuntime": "pyoci_data",
    ".bss": "pyoci_bss",
    ".init_array": "pyoci_constructors",
}
# Can be written to, and is set up by every run: constants with addresses, thread-local storage, what a debugger reads;
# and the memory of the snapshot.
NO_VARIABLES = {".data.rel.ro", ".data.rel.ro.local", ".tdata", ".tbss", ".probes", ".fini_array", *snapshot.MEMORY}
# Debian's libpython.a of Python 3.12 and 3.13 needs this archive, which is in no package, for one module.
SHA2 = "Modules/_hacl/libHacl_Hash_SHA2.a"


class BuildError(Exception):
    """The program cannot be built here; the words say what is missing."""


class Target(NamedTuple):
    """What the program is linked with."""

    tools: str  # before the names of gcc, ld, objcopy and strip, as in aarch64-linux-gnu-
    compiler: tuple[str, ...]
    options: tuple[str, ...]  # of the compiler, such as -DNAME="value"
    includes: tuple[Path, ...]
    sources: tuple[Path, ...]  # besides SOURCES
    python: tuple[str, ...]  # libpython and its modules: archives or, of a shared one, linker options
    libraries: tuple[str, ...]  # behind
    is_static: bool  # libpython: then its variables can be put apart
    has_snapshot: bool
    is_release: bool  # nobody strips it any more, and each function has a section of its own
    has_symbols: bool  # for debuggers, and for hack/hot-functions
    interpreter: str  # the dynamic linker; empty for a static program
    facts: str  # the source of pyoci.build, for build()


def build(program: Path, folder: Path) -> None:
    """Make `program` for the interpreter that runs this file; intermediate files are left in `folder`."""
    target = of_this_python()
    folder.mkdir(parents=True, exist_ok=True)
    program.parent.mkdir(parents=True, exist_ok=True)
    # Without the columns of each instruction, which would underline a part of a source line: there is no source.
    facts = folder / "facts.py"
    facts.write_text(target.facts)
    run(sys.executable, "-X", "no_debug_ranges", str(ROOT / "launcher" / "freeze.py"), str(folder), str(facts))
    link(program, folder, target)


def link(program: Path, folder: Path, target: Target) -> None:
    """Make `program` of what freeze.py has written to `folder`.

    Raises BuildError, for a release also when its snapshot is refused: it would not be the file that others make.
    """
    if target.has_snapshot:
        _link(program, folder, target, with_snapshot=True)
        try:
            snapshot.take(program, trimmed=target.is_release)
            return
        except snapshot.SnapshotError as error:
            if target.is_release:
                raise BuildError(f"no snapshot: {error}") from None
            sys.stderr.write(f"no snapshot, so pyoci starts Python anew in every run, which is slower: {error}\n")
    _link(program, folder, target, with_snapshot=False)


def _link(program: Path, folder: Path, target: Target, *, with_snapshot: bool) -> None:
    options = (*target.options, *(("-DWITH_SNAPSHOT",) if with_snapshot else ()))
    objects = _compile(folder, target, (*options, *(("-DVARIABLES_APART",) if target.is_static else ())))
    script: tuple[str, ...] = ()
    if target.is_static:
        objects = (_put_apart(folder, target, objects, with_snapshot=with_snapshot),)
        script = (f"-Wl,-T,{ROOT / 'launcher/snapshot/variables.ld'}",)
    if target.is_release:
        script += (f"-Wl,-T,{_hot_functions(folder, target)}",)
    rest = target.libraries if target.is_static else (*target.python, *target.libraries)
    if with_snapshot:
        objects += (compile_entry(folder, target),)
        script += ("-Wl,--entry=pyoci_entry",)
    run(*target.compiler, *LINK_HARDENING, *script, *map(str, objects), *rest, "-o", str(program))
    if not target.has_symbols:
        # The symbols that extension modules look for stay; the rest is 1 MB.
        run(f"{target.tools}strip", "--strip-unneeded", str(program))


def _hot_functions(folder: Path, target: Target) -> Path:
    """A linker script that puts the functions of engines' commands beside each other.

    The kernel maps 16 pages of a file at a time, so what is between two functions takes memory and time. The C library
    has a small object for each function instead of a section.
    """
    names = (ROOT / "launcher/hot_functions.txt").read_text().split()
    sections = [f"*(.text.{name} .text.{name}.*)" for name in names]
    archive = _output(*target.compiler, "-print-file-name=libc.a")
    sections += [f"*libc.a:{member}(.text .text.*)" for member in _members(target.tools, archive, names)]
    script = folder / "hot_functions.ld"
    lines = "\n".join(sections)
    script.write_text(f"SECTIONS\n{{\n.text.hot : {{\n{lines}\n}}\n}}\nINSERT BEFORE .text;\n")
    return script


def _members(tools: str, archive: str, functions: Iterable[str]) -> list[str]:
    """The objects of `archive` that define `functions`."""
    members, wanted, member = [], set(functions), ""
    for line in _output(f"{tools}nm", "--defined-only", archive).splitlines():
        words = line.split()
        if len(words) == 1:
            member = words[0].removesuffix(":")
        elif len(words) == 3 and words[2] in wanted and member not in members:
            members.append(member)
    return members


def _compile(folder: Path, target: Target, options: tuple[str, ...]) -> tuple[Path, ...]:
    objects = []
    sources = (*(ROOT / source for source in SOURCES), *target.sources, folder / "frozen.c", folder / "archive.S")
    for source in sources:
        result = folder / f"{source.stem}.o"
        run(
            *target.compiler,
            "-O2",
            *WARNINGS,
            *HARDENING,
            *options,
            f"-I{folder}",
            *(f"-I{path}" for path in target.includes),
            "-c",
            str(source),
            "-o",
            str(result),
        )
        objects.append(result)
    return tuple(objects)


def compile_entry(folder: Path, target: Target) -> Path:
    """The object of the first instructions, in `folder`."""
    result = folder / "entry.o"
    where = (f"-DINTERPRETER={literal(target.interpreter)}",) if target.interpreter else ()
    source = str(ROOT / "launcher/entry.c")
    run(*target.compiler, "-O2", *WARNINGS, "-fno-pie", *ENTRY, *where, "-c", source, "-o", str(result))
    return result


def _put_apart(folder: Path, target: Target, objects: tuple[Path, ...], *, with_snapshot: bool) -> Path:
    """One object of pyoci and Python, whose variables are apart from those of all other libraries."""
    together = folder / "together.o"
    # Only Python's and pyoci's calls of malloc are led to snapshot.c; the C library's own are linked later.
    wrap = [f"-Wl,--wrap={name}" for name in WRAPPED] if with_snapshot else []
    run(*target.compiler, "-nostdlib", "-r", *wrap, *map(str, objects), *target.python, "-o", str(together))
    renamed = [f"--rename-section={old}={new}" for old, new in RENAMED.items()]
    run(f"{target.tools}objcopy", *renamed, str(together))
    shared = snapshot.Program(together.read_bytes()).writable() - {*RENAMED.values(), *NO_VARIABLES}
    if shared:
        raise BuildError(f"sections of variables that are not in RENAMED: {', '.join(sorted(shared))}")
    return together


def of_this_python() -> Target:
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").exists():
        raise BuildError(f"{include}/Python.h is missing: install the headers of Python (python3-dev)")
    compiler = tuple(shlex.split(os.environ.get("CC", "gcc")))
    python, libraries = python_library(list(compiler))
    seccomp, options = libseccomp(list(compiler))
    if SHA2 in shlex.split(config("MODLIBS")):
        options += ("-DWITHOUT_SHA2",)
    return Target(
        tools="",
        compiler=compiler,
        options=(*(f"-D{name}={literal(value)}" for name, value in places().items()), *options),
        includes=(include,),
        sources=(),
        python=tuple(python),
        libraries=(*libraries, seccomp),
        is_static=static_library() is not None,
        has_snapshot=can_have_snapshot() and not os.environ.get("PYOCI_NO_SNAPSHOT"),
        is_release=False,
        has_symbols=False,
        interpreter=snapshot.Program(Path(sys.executable).read_bytes()).interpreter(),
        facts=build_facts(commit(), str(sysconfig.get_path("stdlib"))),
    )


def build_facts(commit: str, stdlib: str) -> str:
    """The source of the module pyoci.build in the program."""
    return (
        "from __future__ import annotations\n\n"
        f"COMMIT = {commit!r}\nSTDLIB = {stdlib!r}\nIS_RELEASE = {not stdlib}\nIS_PROGRAM = True\nSNAPSHOT = False\n"
    )


def commit() -> str:
    """Of the checkout; empty where this is none, or git is missing."""
    git = ("git", "-C", str(ROOT))
    try:
        name = subprocess.check_output([*git, "rev-parse", "--short=12", "HEAD"], stderr=subprocess.DEVNULL, text=True)
        top = subprocess.check_output([*git, "rev-parse", "--show-toplevel"], stderr=subprocess.DEVNULL, text=True)
        changes = subprocess.check_output([*git, "status", "--porcelain", "--untracked-files=no"], text=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    if Path(top.strip()) != ROOT:
        return ""  # a repository around the source, not its own
    return name.strip() + ("+changes" if changes else "")


def libseccomp(compiler: list[str]) -> tuple[str, tuple[str, ...]]:
    """What to link, and compiler options: the archive, so that no command has to load the shared object."""
    word = static_variant("-lseccomp", compiler)
    if word == "-lseccomp":
        return word, ()
    path = _output(*compiler, f"-print-file-name={word.removeprefix('-l:')}")
    return word, (linked_libseccomp(Path(path)),)


def linked_libseccomp(archive: Path) -> str:
    identity = f"{archive.name} {hashlib.sha256(archive.read_bytes()).hexdigest()[:16]}"
    return f"-DLIBSECCOMP_LINKED={literal(identity)}"


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


def python_library(compiler: list[str]) -> tuple[list[str], list[str]]:
    """Linker arguments for libpython and for what it needs: the static one, which starts faster, else the shared."""
    static = static_library()
    system = shlex.split(f"{config('LIBS')} {config('SYSLIBS')}")
    if static is not None:
        modules = [static_variant(word, compiler) for word in shlex.split(config("MODLIBS")) if word != SHA2]
        return [str(static)], [*shlex.split(config("LINKFORSHARED")), *modules, *system]
    for folder in (config("LIBDIR"), config("LIBPL")):
        if Path(folder, config("LDLIBRARY")).exists() and config("Py_ENABLE_SHARED") == "1":
            name = config("LDLIBRARY").removeprefix("lib").removesuffix(".so")
            return [f"-L{folder}", f"-Wl,-rpath,{folder}", f"-l{name}"], system
    if archives_left_out():
        raise BuildError(f"{config('LIBRARY')} lacks the code of some modules, and there is no shared one: install it")
    raise BuildError(f"no libpython, neither {config('LIBRARY')} nor {config('LDLIBRARY')}: install python3-dev")


def can_have_snapshot() -> bool:
    known = sys.version_info[:2] in SNAPSHOT_VERSIONS and platform.machine() in SNAPSHOT_MACHINES
    return known and static_library() is not None


def static_library() -> Path | None:
    """Of this Python, if all that its modules need can be linked."""
    found = Path(config("LIBPL"), config("LIBRARY"))
    return found if found.suffix == ".a" and found.exists() and not archives_left_out() else None


def archives_left_out() -> list[str]:
    """What modules of the static library need and no package has.

    Python 3.14 has five modules of hashes like that. Its Makefile names their archives over several lines, of which
    sysconfig has backslashes. hashlib complains on standard error where it finds no such module, so there is no doing
    without, as there is for _sha2 alone.
    """
    words = [word for word in shlex.split(config("MODLIBS")) if word != SHA2]
    return [word for word in words if not word.startswith("-") and not Path(word).is_absolute()]


def static_variant(word: str, compiler: list[str]) -> str:
    """-lz as -l:libz.a where there is one: no file is then loaded for it at every start."""
    archive = f"lib{word.removeprefix('-l')}.a"
    if word in ("-lm", "-ldl", "-lpthread") or not word.startswith("-l"):
        return word
    found = _output(*compiler, f"-print-file-name={archive}")
    return f"-l:{archive}" if os.path.isabs(found) else word


def config(name: str) -> str:
    return str(sysconfig.get_config_var(name) or "")


def literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _output(*command: str) -> str:
    return str(_called(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout).strip()


def run(*command: str) -> None:
    _called(command)


def _called(command: tuple[str, ...], **options: Any) -> subprocess.CompletedProcess[Any]:
    try:
        return subprocess.run(command, check=True, **options)
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
