"""The static libraries and the interpreter that a release is linked with, built from source for one architecture."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from inputs import Inputs, ReleaseError, unpack

# Modules of CPython that nothing in pyoci or in its packages imports, or that need a library of their own.
MODULES_LEFT_OUT = """
_bz2 _lzma _dbm _gdbm readline _sqlite3 _ssl _hashlib _uuid _tkinter _curses _curses_panel _decimal _elementtree pyexpat
_codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw _multibytecodec _interpreters _interpchannels
_interpqueues _zoneinfo unicodedata cmath _statistics _lsprof _posixshmem _multiprocessing syslog xxsubtype _xxtestfuzz
_testbuffer _testinternalcapi _testcapi _testlimitedcapi _testclinic _testclinic_limited _testimportmultiple
_testmultiphase _testsinglephase _testexternalinspection _ctypes_test xxlimited xxlimited_35
""".split()


class Constant(NamedTuple):
    """A `#define` in another project's source that a release is built with another value of."""

    file: str  # below the folder of the sources
    theirs: str
    ours: str


_HEADERS = "python/Include/internal"
# CPython sets these for a long life. A command runs most of its code once and ends: what they save later is not saved,
# and each of them writes to pages of the snapshot (launcher/snapshot/README.md).
INTERPRETER_CONSTANTS = (
    Constant(f"{_HEADERS}/pycore_code.h", "ENABLE_SPECIALIZATION 1", "ENABLE_SPECIALIZATION 0"),  # counters in the code
    # The cache of attributes has 512 entries, not 4096; that of functions serves only specialization.
    Constant(f"{_HEADERS}/pycore_typeobject.h", "MCACHE_SIZE_EXP 12", "MCACHE_SIZE_EXP 9"),
    Constant(f"{_HEADERS}/pycore_function.h", "FUNC_VERSION_CACHE_SIZE (1<<12)", "FUNC_VERSION_CACHE_SIZE (1<<4)"),
)
# The mask of 8 bits is written as `BITS - 1`, so that libseccomp uses 8 of its 256 hash buckets. With all of them a
# filter takes a sixth less time and has the same bytes (libseccomp 2.6.0).
LIBSECCOMP_CONSTANTS = (
    Constant("libseccomp/src/gen_bpf.c", "_BPF_HASH_MASK (_BPF_HASH_BITS - 1)", "_BPF_HASH_MASK (_BPF_HASH_SIZE - 1)"),
)


class Machine(NamedTuple):
    """What a release is built for: names of it in the tools."""

    name: str
    triplet: str
    tools: str  # before gcc, ar, strip
    debian: str
    rpm: str
    options: tuple[str, ...]


MACHINES = {
    "x86_64": Machine("x86_64", "x86_64-linux-gnu", "", "amd64", "x86_64", ("-fcf-protection=full",)),
    "aarch64": Machine(
        "aarch64", "aarch64-linux-gnu", "aarch64-linux-gnu-", "arm64", "aarch64", ("-mbranch-protection=standard",)
    ),
}


class Build(NamedTuple):
    """Where things are while one release is made."""

    machine: Machine
    inputs: Inputs
    downloads: Path
    work: Path

    @property
    def compiler(self) -> tuple[str, ...]:
        return (f"{self.machine.tools}gcc",)

    @property
    def flags(self) -> tuple[str, ...]:
        """No path, no date and no user of the machine that builds gets into the file."""
        return (
            "-O2",
            "-g0",
            "-fno-pie",
            "-fno-asynchronous-unwind-tables",  # 1 MB that only debuggers read
            "-ffunction-sections",  # so that those of engines' commands can be put together: launcher/hot_functions.txt
            "-fstack-protector-strong",
            "-fstack-clash-protection",
            "-D_FORTIFY_SOURCE=2",
            f"-ffile-prefix-map={self.work}=.",
            "-frandom-seed=pyoci",
            *self.machine.options,
        )

    def source(self, name: str) -> Path:
        return self.work / "source" / name


def unpack_all(build: Build) -> None:
    for wanted in (*build.inputs.sources.values(), *build.inputs.packages.values()):
        unpack(wanted, build.downloads, build.source(wanted.name))
    set_constants(build.work / "source")


def set_constants(sources: Path) -> None:
    for constant in (*INTERPRETER_CONSTANTS, *LIBSECCOMP_CONSTANTS):
        file = sources / constant.file
        name, value = constant.theirs.split(maxsplit=1)
        definition = re.compile(rf"^#define[ \t]+{re.escape(name)}[ \t]+{re.escape(value)}(?=\s)", re.MULTILINE)
        text, count = definition.subn(f"#define {constant.ours}", file.read_text())
        if count != 1:
            raise ReleaseError(
                f"{constant.file} does not define {constant.theirs}: correct the constants (libraries.py)"
            )
        file.write_text(text)


def run(log: Path, *command: str | Path, cwd: Path, **environment: str) -> None:
    """Run a step of the build; its output is in `log`, the end of it in the error."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    clean |= {"LC_ALL": "C.UTF-8", "TZ": "UTC", "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "0")}
    with log.open("ab") as file:
        file.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        file.flush()
        try:
            done = subprocess.run(command, cwd=cwd, env=clean | environment, stdout=file, stderr=file, check=False)
        except FileNotFoundError:
            raise ReleaseError(f"{command[0]} is missing: hack/release --packages names what to install") from None
    if done.returncode != 0:
        raise ReleaseError(f"{command[0]} failed with status {done.returncode}: {log} has its output")


def build_libraries(build: Build, log: Path) -> None:
    """libseccomp, libcap, libffi and zlib, each as an archive in `work`/lib, with headers in `work`/include."""
    jobs = f"-j{os.cpu_count() or 1}"
    prefix = build.work / "installed"
    tools = {
        "CC": f"{build.machine.tools}gcc",
        "AR": f"{build.machine.tools}ar",
        "RANLIB": f"{build.machine.tools}ranlib",
    }
    flags = " ".join(build.flags)
    host = f"--host={build.machine.triplet}"
    for name in ("libseccomp", "libffi"):
        folder = build.source(name)
        if not (folder / "configure").exists():
            run(log, "autoreconf", "-fi", cwd=folder)
        configure = ["./configure", host, f"--prefix={prefix}", "--disable-shared", "--enable-static", "--disable-docs"]
        run(log, *configure, f"CFLAGS={flags}", "LDFLAGS=-no-pie", cwd=folder, **tools)
        run(log, "make", jobs, cwd=folder)
        run(log, "make", "install", cwd=folder)
    run(log, "sh", "configure", "--static", f"--prefix={prefix}", cwd=build.source("zlib"), CFLAGS=flags, **tools)
    run(log, "make", jobs, "libz.a", cwd=build.source("zlib"))
    run(log, "make", "install", cwd=build.source("zlib"))
    libcap = build.source("libcap") / "libcap"
    words = [f"{name}={value}" for name, value in tools.items()]
    run(
        log,
        "make",
        "libcap.a",
        *words,
        "BUILD_CC=gcc",
        "BUILD_COPTS=-O2",
        f"COPTS={flags}",
        "DYNAMIC=no",
        "USE_GPERF=no",
        cwd=libcap,
    )
    (prefix / "lib" / "libcap.a").write_bytes((libcap / "libcap.a").read_bytes())
    (prefix / "include" / "sys").mkdir(parents=True, exist_ok=True)
    header = libcap / "include/sys/capability.h"
    (prefix / "include/sys/capability.h").write_bytes(header.read_bytes())


def build_interpreter(build: Build, log: Path, helper: Path | None) -> Path:
    """libpython.a of CPython; returns its build folder.

    `helper` is a Python of this version that runs here, where the one that is built does not.

    The folders are named relative to each other, since CPython keeps some of these names.
    """
    folder = build.work / "python"
    folder.mkdir()
    installed = build.work / "installed"
    command = [
        "../source/python/configure",
        "--prefix=/nowhere",
        "--disable-shared",
        "--without-ensurepip",
        "--disable-test-modules",
        "--without-doc-strings",
        "--without-readline",
        "MODULE_BUILDTYPE=static",
        "LINKFORSHARED= ",
        # A static program has no dlopen: no module comes from a file. ctypes has a stand-in for it (shared.c).
        "ac_cv_func_dlopen=no",
        "ac_cv_lib_dl_dlopen=no",
        "ac_cv_header_dlfcn_h=yes",
        *(f"py_cv_module_{name}=n/a" for name in MODULES_LEFT_OUT),
    ]
    if helper is not None:
        command += [
            f"--host={build.machine.triplet}",
            "--build=x86_64-linux-gnu",
            f"--with-build-python={helper}",
            "--disable-ipv6",
            "ac_cv_file__dev_ptmx=yes",
            "ac_cv_file__dev_ptc=no",
            "ac_cv_buggy_getaddrinfo=no",
        ]
    environment = {
        "CC": f"{build.machine.tools}gcc",
        "AR": f"{build.machine.tools}ar",
        "RANLIB": f"{build.machine.tools}ranlib",
        "CFLAGS": " ".join((*build.flags, f"-I{installed}/include")),
        "LDFLAGS": f"-static -no-pie -L{installed}/lib",
        "ZLIB_CFLAGS": " ",
        "ZLIB_LIBS": "-lz",
        "LIBFFI_CFLAGS": " ",
        "LIBFFI_LIBS": "-lffi",
    }
    run(log, *command, cwd=folder, **environment)
    static = "LDFLAGS=-static -no-pie"
    jobs = f"-j{os.cpu_count() or 1}"
    run(log, "make", jobs, static, "libpython3.13.a", *(() if helper else ("python",)), cwd=folder)
    return folder
