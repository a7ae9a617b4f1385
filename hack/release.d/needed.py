"""The programs, headers and libraries that building needs, and the packages of Debian that have them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from inputs import ReleaseError
from libraries import MACHINES


class Needed(NamedTuple):
    name: str  # of a header, if it ends in .h, of a library, if in .a, else of a program
    package: str
    compiler: str = "gcc"  # which is asked for a header or a library


HERE = (
    Needed("gcc", "gcc"),
    Needed("make", "make"),
    Needed("dpkg-source", "dpkg-dev"),
    Needed("gperf", "gperf"),
    Needed("autoreconf", "autoconf"),
    Needed("automake", "automake"),
    Needed("libtoolize", "libtool"),
    Needed("ltdl.h", "libltdl-dev"),
    Needed("ar", "binutils"),
    Needed("libc.a", "libc6-dev"),
    Needed("linux/seccomp.h", "linux-libc-dev"),
)
_CROSS = MACHINES["aarch64"].tools
CROSS = (
    Needed(f"{_CROSS}gcc", "gcc-aarch64-linux-gnu"),
    Needed("libc.a", "libc6-dev-arm64-cross", f"{_CROSS}gcc"),
    Needed("qemu-aarch64-static", "qemu-user-static"),
)


def of(machines: list[str]) -> tuple[Needed, ...]:
    return HERE + CROSS if "aarch64" in machines else HERE


def check(machines: list[str]) -> None:
    """Raises ReleaseError with all that is missing: a step that lacks it fails late, and says so in a log at most."""
    missing = [one for one in of(machines) if not _is_there(one)]
    if missing:
        names = ", ".join(one.name if one.compiler == "gcc" else f"{one.name} of {one.compiler}" for one in missing)
        packages = " ".join(one.package for one in missing)
        raise ReleaseError(f"missing: {names} (on Debian: apt-get install {packages})")


def _is_there(one: Needed) -> bool:
    if not one.name.endswith((".h", ".a")):
        return shutil.which(one.name) is not None
    if shutil.which(one.compiler) is None:
        return False
    if one.name.endswith(".h"):
        command, source = [one.compiler, "-E", "-x", "c", "-"], f"#include <{one.name}>\n"
        return subprocess.run(command, input=source, capture_output=True, text=True, check=False).returncode == 0
    # Of a file that it does not find it returns the name alone.
    asked = subprocess.run([one.compiler, f"-print-file-name={one.name}"], capture_output=True, text=True, check=False)
    return Path(asked.stdout.strip()).is_absolute()
