"""launcher/build_program.py: which library of a Python the program is linked with."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.program import build_program

SHA2 = "Modules/_hacl/libHacl_Hash_SHA2.a"
WHOLE = {
    "no modules": "",
    "Python 3.11": "-lm       -lm   -lz -lm -lm   -lexpat  -lexpat       -lz",
    "Python 3.13, without _sha2": f"-lm   -lm   -lz -lm -lm   -lexpat  -lexpat {SHA2}       -lz",
    "an archive that is installed": "-lm /usr/lib/libmpdec.a",
}
IN_PARTS = {
    "Python 3.14": r"-lm       -lm   -lz -lm -lm   -lexpat  -lexpat \ \ \ \ \       -lz",
    "another archive of the build": "-lm Modules/_decimal/libmpdec/libmpdec.a",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a Python that has both libraries, and whose modules are built in."""
    (tmp_path / "libpython3.a").touch()
    (tmp_path / "libpython3.so").touch()
    variables = {
        "LIBPL": str(tmp_path),
        "LIBDIR": str(tmp_path),
        "LIBRARY": "libpython3.a",
        "LDLIBRARY": "libpython3.so",
        "Py_ENABLE_SHARED": "1",
        "LIBS": "-ldl",
        "SYSLIBS": "-lm",
    }
    monkeypatch.setattr(build_program, "config", lambda name: variables.get(name, ""))
    monkeypatch.setattr(build_program, "static_variant", lambda word, _: word)
    return tmp_path


def modules(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    others = build_program.config
    monkeypatch.setattr(build_program, "config", lambda name: words if name == "MODLIBS" else others(name))


@pytest.mark.parametrize("words", WHOLE.values(), ids=WHOLE)
def test_static_library_is_taken_when_it_is_whole(folder: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    modules(monkeypatch, words)
    libraries, rest = build_program.python_library(["gcc"])
    assert libraries == [str(folder / "libpython3.a")]
    assert SHA2 not in rest and all(word.startswith(("-", "/")) for word in rest)


@pytest.mark.parametrize("words", IN_PARTS.values(), ids=IN_PARTS)
def test_shared_library_is_taken_when_the_static_one_lacks_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    modules(monkeypatch, words)
    assert build_program.python_library(["gcc"]) == (
        [f"-L{folder}", f"-Wl,-rpath,{folder}", "-lpython3"],
        ["-ldl", "-lm"],
    )
    assert not build_program.can_have_snapshot()


def test_library_that_lacks_code_is_named_when_there_is_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules(monkeypatch, IN_PARTS["Python 3.14"])
    (folder / "libpython3.so").unlink()
    with pytest.raises(build_program.BuildError, match=r"libpython3\.a lacks the code of some modules"):
        build_program.python_library(["gcc"])
