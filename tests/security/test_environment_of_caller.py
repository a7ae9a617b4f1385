"""No environment variable of the caller, and no file in the working directory or the bundle, changes what code runs.

LD_* is the kernel's and the dynamic linker's business: whoever may set it for root is root.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

NAMES = """
os io abc site codecs json stat posixpath genericpath signal socket struct re enum sitecustomize usercustomize
encodings zipimport _socket _struct _json fcntl select pyoci jsonschema prctl pyroute2 typing
dataclasses runpy __main__ __init__ _sysconfigdata readline
""".split()

VARIABLES = {
    "PYTHONPATH": "{evil}",
    "PYTHONHOME": "{evil}",
    "PYTHONSTARTUP": "{evil}/os.py",
    "PYTHONUSERBASE": "{evil}",
    "PYTHONPLATLIBDIR": "{evil}",
    "PYTHONEXECUTABLE": "{evil}/python",
    "PYTHONINSPECT": "1",
    "PYTHONBREAKPOINT": "os.system",
    "PYTHONWARNINGS": "error::evil.Warning",
    "PYTHONIOENCODING": "evil",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "warn",
    "PYTHONMALLOC": "debug",
    "PYTHONDEVMODE": "1",
    "PYTHONVERBOSE": "1",
    "PYTHONPROFILEIMPORTTIME": "1",
    "PYTHONHASHSEED": "evil",
    "PYTHONPYCACHEPREFIX": "{evil}/cache",
    "PYTHONTRACEMALLOC": "99",
    "PYTHONDUMPREFSFILE": "{evil}/dump",
    "PYTHONSAFEPATH": "",
    "PYTHONINTMAXSTRDIGITS": "640",
    "VIRTUAL_ENV": "{evil}",
    "LC_ALL": "tr_TR.UTF-8",
    "LANG": "ja_JP.SJIS",
    "LANGUAGE": "xx",
    "LOCPATH": "{evil}",
    "TZ": "{evil}/zone",
    "TZDIR": "{evil}",
    "PYTHONTZPATH": "{evil}",
    "TMPDIR": "{evil}",
    "HOME": "{evil}",
    "GCONV_PATH": "{evil}",
    "OPENSSL_CONF": "{evil}/openssl.cnf",
    "MALLOC_CHECK_": "3",
}


@pytest.fixture
def evil(scratch: Path) -> Path:
    """A folder full of modules that leave a mark when they are run."""
    folder = scratch / "evil"
    folder.mkdir()
    code = f"import posix\nposix.close(posix.open({str(scratch / 'marked')!r}, posix.O_CREAT))\n"
    for place in (folder, folder / "pyoci", folder / "lib", folder / "encodings"):
        place.mkdir(exist_ok=True)
        for name in NAMES:
            (place / f"{name}.py").write_text(code)
    (folder / "evil.pth").write_text(
        f"import posix; posix.close(posix.open({str(scratch / 'marked')!r}, posix.O_CREAT))\n"
    )
    (folder / "pyvenv.cfg").write_text(f"home = {folder}\ninclude-system-site-packages = false\n")
    (folder / "pybuilddir.txt").write_text("lib")
    return folder


def marked(scratch: Path) -> bool:
    return (scratch / "marked").exists()


def whole_life(runtime: Runtime, bundle: Bundle, **keywords: Any) -> str:
    """Every command once; what the container printed."""
    bundle.sh("env | sort; pwd; trap 'exit 0' TERM; while :; do sleep 0.02; done")
    container = runtime.create(bundle, **keywords)
    for words in (
        ("start", container.id),
        ("state", container.id),
        ("exec", container.id, "true"),
        ("list",),
        ("kill", container.id, "KILL"),
    ):
        runtime.expect(*words, **keywords)
    container.wait()
    runtime.expect("delete", container.id, **keywords)
    return container.stdout


def test_variables(runtime: Runtime, bundle: Bundle, evil: Path, scratch: Path) -> None:
    env = {"PATH": os.environ["PATH"], **{name: value.format(evil=evil) for name, value in VARIABLES.items()}}
    output = whole_life(runtime, bundle, env=env)
    assert not marked(scratch)
    assert sorted(line.partition("=")[0] for line in output.split() if "=" in line) == ["HOME", "PATH", "PWD", "SHLVL"]
    assert "evil" not in output


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_each_variable(runtime: Runtime, evil: Path, scratch: Path, name: str) -> None:
    """Alone as well: one could hide what another does."""
    env = {"PATH": os.environ["PATH"], name: VARIABLES[name].format(evil=evil)}
    plain = runtime.call("features", env={"PATH": os.environ["PATH"]})
    assert runtime.call("features", env=env) == plain
    assert not marked(scratch)


def test_no_environment_at_all(runtime: Runtime, bundle: Bundle, evil: Path, scratch: Path) -> None:
    whole_life(runtime, bundle, env={}, cwd=evil)
    assert not marked(scratch)


def test_working_directory(runtime: Runtime, bundle: Bundle, evil: Path, scratch: Path) -> None:
    assert "evil" not in whole_life(runtime, bundle, cwd=evil)
    assert not marked(scratch)


def test_files_of_the_bundle(runtime: Runtime, bundle: Bundle, evil: Path, scratch: Path) -> None:
    for file in evil.iterdir():
        os.rename(file, bundle.path / file.name)
    whole_life(runtime, bundle, cwd=bundle.path)
    assert not marked(scratch)


def test_files_of_the_state_root(runtime: Runtime, bundle: Bundle, evil: Path, scratch: Path) -> None:
    runtime.root.mkdir()
    for file in evil.iterdir():
        if file.is_file():
            os.rename(file, runtime.root / file.name)
    whole_life(runtime, bundle, cwd=runtime.root)
    assert not marked(scratch)
