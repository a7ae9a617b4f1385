"""The compiled parts: the extension module pyoci.kernel._raw and the program pyoci."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup

from distutils.command.build_scripts import build_scripts  # isort: skip - setuptools brings it, and must be first

ROOT = Path(__file__).resolve().parent
# A build backend does not put the project's folder on the search path.
sys.path.insert(0, str(ROOT / "launcher"))

import build_program  # noqa: E402 - needs the line above
import manual_pages  # noqa: E402 - the same


class BuildProgram(build_scripts):
    """`scripts` are copied into bin/ as they are, which a wheel and pip do for a compiled program, too.

    An entry point would be a Python file: it starts the interpreter with site and obeys PYTHON* variables.
    """

    def run(self) -> None:
        folder = Path(self.get_finalized_command("build").build_temp)
        try:
            build_program.build(Path(self.build_dir, "pyoci"), folder)
        except build_program.BuildError as error:
            sys.exit(f"pyoci cannot be built: {error}")
        # In place: the command that installs them has the list already.
        self.distribution.data_files += manual_pages.write([str(Path(self.build_dir, "pyoci"))], folder / "manual")

    def get_source_files(self) -> list[str]:
        return [str(path.relative_to(ROOT)) for path in (ROOT / "launcher").rglob("*") if path.is_file()]


setup(
    packages=[*find_packages(include=["pyoci", "pyoci.*"]), "pyoci.schemas"],
    # The schemas are documents for people, at the top of the repository, and data of the package.
    package_dir={"pyoci.schemas": "schemas"},
    package_data={"pyoci": ["py.typed", "**/*.json", "**/*.pyi"], "pyoci.schemas": ["*.json"]},
    ext_modules=[
        Extension("pyoci._record", ["pyoci/_record.c"]),
        Extension("pyoci.kernel._raw", ["pyoci/kernel/_raw.c", "pyoci/kernel/_deferred.c", "pyoci/kernel/_opener.c"]),
        # The program has its own, with the library's archive in it where there is one (build_program.py).
        Extension("pyoci.kernel._seccomp", ["pyoci/kernel/_seccomp.c"], libraries=["seccomp"]),
    ],
    scripts=["launcher/pyoci.c"],
    # Man pages and completion: BuildProgram lets the program write them, and puts them here.
    data_files=[("share/doc/pyoci", ["README.md"])],
    cmdclass={"build_scripts": BuildProgram},
)
