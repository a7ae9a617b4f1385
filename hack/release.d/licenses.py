"""Which parts a release is made of, and under which licence each is: for its bill of materials and its copyright file.

The texts are those that the parts bring: none of them is in this repository.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from inputs import Input, ReleaseError
from libraries import Build

OWN = "Apache-2.0"
# python-prctl is linked in, and its licence is the strictest.
WHOLE = "GPL-3.0-or-later"
# python-prctl names its licence and does not bring it; base-files, which every Debian has, does.
GPL3 = Path("/usr/share/common-licenses/GPL-3")
_TEXTS = ("LICENSE*", "COPYING*", "License", "LICENSE-BUILDTOOLS", "NOTICE*")
_RULE = "\n" + "-" * 100 + "\n"


class Part(NamedTuple):
    """Something that is in the program, besides pyoci's own source."""

    name: str
    version: str
    license: str  # an SPDX expression
    purl: str
    checksum: str  # SHA-256 of what was fetched; empty where it is the machine's
    texts: tuple[Path, ...]


class Inside(NamedTuple):
    """Software of others in CPython's source that is linked in. `path` shows that it is still there."""

    name: str
    license: str
    path: str


# Doc/license.rst of CPython has the texts. Without what MODULES_LEFT_OUT (libraries.py) leaves out: expat, libmpdec.
INSIDE_PYTHON = (
    Inside("mimalloc", "MIT", "Objects/mimalloc/alloc.c"),
    Inside("HACL*", "MIT", "Modules/_hacl/Hacl_Hash_SHA2.c"),
    Inside("BLAKE2", "CC0-1.0", "Modules/_blake2/impl/blake2b.c"),
    Inside("SipHash", "MIT", "Python/pyhash.c"),
    Inside("David Gay's dtoa", "dtoa", "Python/dtoa.c"),
    Inside("Mersenne Twister", "BSD-3-Clause", "Modules/_randommodule.c"),
    Inside("SRE", "CNRI-Python", "Modules/_sre/sre.c"),
)


def parts(build: Build) -> list[Part]:
    """All of them, in a fixed order. Raises ReleaseError when one has no licence text, or is not as written here."""
    found = [_fetched(one, build) for one in (*build.inputs.sources.values(), *build.inputs.packages.values())]
    python = next(part for part in found if part.name == "python")
    for one in INSIDE_PYTHON:
        if not (build.source("python") / one.path).exists():
            raise ReleaseError(f"{one.name} is not in CPython's source any more ({one.path}): look at licenses.py")
    inside = [Part(one.name, python.version, one.license, f"{python.purl}#{one.path}", "", ()) for one in INSIDE_PYTHON]
    return [*found, *inside, *_of_the_machine(build)]


def _fetched(one: Input, build: Build) -> Part:
    folder = build.source(one.name)
    texts = [path for pattern in _TEXTS for path in folder.glob(pattern)]
    texts += folder.glob("*.dist-info/licenses/*")
    if one.name == "python":
        texts.append(folder / "Doc/license.rst")
    elif one.name == "python-prctl":
        texts.append(GPL3)
    if not texts or not all(path.exists() for path in texts):
        raise ReleaseError(
            f"{one.name} {one.version} has no licence text in {folder}: look for it, then at licenses.py"
        )
    content = [value for name, value in one.files.items() if not name.endswith((".dsc", ".asc"))]
    return Part(one.name, one.version, one.license, _purl(one), content[0], tuple(sorted(set(texts))))


def _purl(one: Input) -> str:
    if one.package:
        name, _, version = one.package.partition("=")
        return f"pkg:deb/debian/{name}@{_quoted(version)}?arch=source"
    return f"pkg:pypi/{one.name}@{one.version}"


def _quoted(version: str) -> str:
    return version.replace(":", "%3A").replace("+", "%2B")


def _of_the_machine(build: Build) -> Iterator[Part]:
    """The C library and the compiler's own: what is linked in and not fetched."""
    for name, file, license_name in (
        ("glibc", "libc.a", "LGPL-2.1-or-later"),
        ("libgcc", "libgcc.a", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    ):
        path = Path(_asked(*build.compiler, f"-print-file-name={file}")).resolve()
        package = _asked("dpkg-query", "--search", str(path)).partition(": ")[0]
        version = _asked("dpkg-query", "--show", "--showformat=${Version}", package)
        plain = package.partition(":")[0]
        text = Path("/usr/share/doc", plain, "copyright")
        if not text.exists():
            raise ReleaseError(
                f"{text} is missing: install {plain} with its documentation, the licence of {name} is there"
            )
        yield Part(name, version, license_name, f"pkg:deb/debian/{plain}@{_quoted(version)}", "", (text,))


def _asked(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise ReleaseError(f"{command[0]} does not say which {command[-1]} is linked in: {error}") from None


def copyright_text(found: list[Part]) -> str:
    """/usr/share/doc/pyoci/copyright: what is inside, what follows from it, and the words that each part wants kept."""
    lines = [
        f"pyoci's own source is under {OWN}.",
        "",
        f"This program as a whole is under {WHOLE}: python-prctl, which is linked in, is. Whoever passes the program",
        "on passes on, or offers, its source, too: pyoci's repository at the commit that `pyoci --version` prints, the",
        "files that hack/release.d/inputs.json names there, and the source packages of glibc and libgcc below.",
        "hack/release builds it again, with changed libraries, too. pyroute2 offers two licences: here it is used",
        "under Apache-2.0.",
        "",
        "It has inside:",
        "",
        *(f"  {part.name} {part.version}: {part.license}" for part in found),
    ]
    texts = [
        f"{_RULE}{part.name}: {path.name}\n\n{path.read_text('utf-8', 'replace').strip()}\n"
        for part in found
        for path in part.texts
    ]
    return "\n".join([*lines, *texts])
