"""The `pyoci` program, built around a command line that only tells what it finds."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"

PROBE = """\
import sys, os, json

def main(argv):
    if argv[:1] == ["status"]:
        return int(argv[1])
    if argv[:1] == ["print"]:
        print("x" * 10)
        return 0
    from pyoci.kernel import _raw
    try:
        import rare
    except ImportError:
        rare = None
    facts = {
        "argv": argv,
        "comm": open("/proc/self/comm").read().strip(),
        "descriptors": [name for name in os.listdir("/proc/self/fd") if int(name) > 2],
        "exe": os.readlink("/proc/self/exe"),
        "modules": {name: str(getattr(module, "__file__", None)) for name, module in sys.modules.items()},
        "package": sys.modules["pyoci"].__file__,
        "path": sys.path,
        "raw": _raw.syscall(_raw.SYS["getpid"]) == os.getpid(),
        "rare": rare and rare.__file__,
    }
    print(json.dumps(facts), flush=True)
    sys.stdin.read()
    return 0
"""


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation: bin/pyoci, and a package that it shall find beside pyoci's own."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "launcher", tree / "launcher")
    for package in ("pyoci", "pyoci/cli", "pyoci/kernel"):
        (tree / package).mkdir()
        (tree / package / "__init__.py").touch()
    for source in (ROOT / "pyoci/kernel").glob("*.[ch]"):
        shutil.copy(source, tree / "pyoci/kernel")
    (tree / "pyoci/cli/main.py").write_text(PROBE)

    prefix = tmp_path_factory.mktemp("prefix")
    command = [sys.executable, f"{tree}/launcher/build_program.py", f"{prefix}/bin/pyoci"]
    built = subprocess.run(command, capture_output=True, text=True)
    if "missing: install" in built.stderr:
        pytest.skip(built.stderr.strip())
    assert built.returncode == 0, built.stderr
    packages = prefix / "lib" / PYTHON / "site-packages"
    (packages / "pyoci").mkdir(parents=True)
    (packages / "rare.py").touch()
    return prefix


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A folder with modules that nobody asked for."""
    for name in (
        "os",
        "io",
        "json",
        "site",
        "sitecustomize",
        "usercustomize",
        "encodings",
        "zipimport",
        "_raw",
    ):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a foreign module was imported')\n")
    shutil.copytree(tmp_path, tmp_path / "pyoci")
    return tmp_path


def ask(program: Path | str, *argv: str, **options: Any) -> dict[str, Any]:
    options = {"env": {}, "stdin": subprocess.DEVNULL, **options}
    answer = subprocess.run([program, *argv], stdout=subprocess.PIPE, check=True, **options)
    facts: dict[str, Any] = json.loads(answer.stdout)
    return facts


def test_search_path_is_fixed(prefix: Path) -> None:
    facts = ask(prefix / "bin/pyoci")
    own = str(prefix / "lib" / PYTHON / "site-packages")
    assert own in facts["path"]
    assert facts["rare"] == f"{own}/rare.py"
    assert facts["package"] == f"{own}/pyoci/__init__.py"
    before = facts["path"][: facts["path"].index(own)]
    assert all(entry.startswith(sys.base_prefix) for entry in before)


def test_own_modules_come_from_the_program(prefix: Path) -> None:
    facts = ask(prefix / "bin/pyoci")
    assert facts["raw"]
    assert {"pyoci.cli.main", "pyoci.kernel._raw", "encodings.utf_8"} <= facts["modules"].keys()
    assert "site" not in facts["modules"]


@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPLATLIBDIR"])
def test_environment_is_ignored(prefix: Path, evil: Path, variable: str) -> None:
    program = prefix / "bin/pyoci"
    assert ask(program, env={variable: str(evil)})["path"] == ask(program)["path"]


@pytest.mark.parametrize("setting", ["PYTHONINSPECT=1", "PYTHONDEVMODE=1", "PYTHONUTF8=0", "LC_ALL=C"])
def test_settings_of_the_caller_are_ignored(prefix: Path, setting: str) -> None:
    name, _, value = setting.partition("=")
    facts = ask(prefix / "bin/pyoci", "\udcff\u20ac", env={name: value})
    assert facts["argv"] == ["\udcff\u20ac"]


def test_working_directory_is_no_source_of_modules(prefix: Path, evil: Path) -> None:
    facts = ask(prefix / "bin/pyoci", cwd=evil)
    assert not [file for file in facts["modules"].values() if file.startswith(str(evil))]


def test_options_of_python_are_ours(prefix: Path) -> None:
    argv = ["-c", "import os", "-m", "site", "--version", "-"]
    assert ask(prefix / "bin/pyoci", *argv)["argv"] == argv


def test_virtual_environment_is_ignored(prefix: Path, evil: Path) -> None:
    configuration = prefix / "pyvenv.cfg"
    expected = ask(prefix / "bin/pyoci")["path"]
    configuration.write_text(f"home = {evil}\n")
    try:
        assert ask(prefix / "bin/pyoci")["path"] == expected
    finally:
        configuration.unlink()


def test_packages_are_found_however_it_is_called(prefix: Path, tmp_path: Path) -> None:
    link = tmp_path / "other-name"
    link.symlink_to(prefix / "bin/pyoci")
    expected = ask(prefix / "bin/pyoci")["path"]
    assert ask(link)["path"] == expected
    assert ask("./pyoci", cwd=prefix / "bin")["path"] == expected
    found = subprocess.run(
        ["sh", "-c", "exec pyoci"],
        env={"PATH": f"{prefix}/bin:/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        check=True,
    )
    assert json.loads(found.stdout)["path"] == expected


def test_status_is_passed_on(prefix: Path) -> None:
    assert subprocess.run([prefix / "bin/pyoci", "status", "42"], env={}).returncode == 42


def test_output_that_cannot_be_written_is_a_failure(prefix: Path) -> None:
    with open("/dev/full", "w") as full:
        assert subprocess.run([prefix / "bin/pyoci", "print"], env={}, stdout=full).returncode == 1


def test_closed_standard_streams_are_no_failure(prefix: Path) -> None:
    command = ["sh", "-c", 'exec "$0" print <&- >&- 2>&-', f"{prefix}/bin/pyoci"]
    assert subprocess.run(command).returncode == 0


class Waiting:
    """A program that has told its facts and still runs."""

    def __init__(self, *command: str | Path) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={})
        assert self.process.stdout is not None
        self.facts = json.loads(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.communicate()


@pytest.fixture
def waiting() -> Iterator[Any]:
    started: list[Waiting] = []

    def start(*command: str | Path) -> Waiting:
        started.append(Waiting(*command))
        return started[-1]

    yield start
    for program in started:
        program.stop()


def refusals(program: Waiting) -> set[int]:
    """Errno of each try to write to the program's file through /proc, as a process in a container does it."""
    numbers = set()
    handle = os.open(f"/proc/{program.process.pid}/exe", os.O_RDONLY)
    program.stop()  # while it runs, every program is "text file busy"
    try:
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
            try:
                # A sealed file in memory can be opened, but not written to.
                with open(os.open(f"/proc/self/fd/{handle}", flags), "wb", buffering=0) as file:
                    file.write(b"\x7fELF")
                numbers.add(0)
            except OSError as error:
                numbers.add(error.errno or 0)
    finally:
        os.close(handle)
    return numbers


@pytest.mark.parametrize("command", ["create", "run", "exec", "restore"])
def test_commands_that_enter_a_container_are_sealed(prefix: Path, waiting: Any, command: str) -> None:
    program = waiting(prefix / "bin/pyoci", "--root", "/somewhere", command, "id")
    assert program.facts["argv"] == ["--root", "/somewhere", command, "id"]
    assert program.facts["exe"] in ("/", "/memfd:pyoci (deleted)")
    assert program.facts["comm"] == "pyoci"
    assert refusals(program) <= {errno.EROFS, errno.EPERM}


def test_other_commands_are_not_sealed(prefix: Path) -> None:
    assert ask(prefix / "bin/pyoci", "state", "creates")["exe"] == str(prefix / "bin/pyoci")


def test_sealing_leaves_no_descriptor(prefix: Path) -> None:
    program = prefix / "bin/pyoci"
    assert ask(program, "create")["descriptors"] == ask(program, "state")["descriptors"]


def test_sealed_program_finds_its_packages(prefix: Path) -> None:
    program = prefix / "bin/pyoci"
    assert ask(program, "create")["path"] == ask(program, "state")["path"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs CAP_SYS_ADMIN to do without it")
def test_without_privilege_it_is_sealed_in_memory(prefix: Path, waiting: Any) -> None:
    drop = ["setpriv", "--inh-caps=-sys_admin", "--bounding-set=-sys_admin"]
    program = waiting(*drop, prefix / "bin/pyoci", "create")
    assert program.facts["exe"] == "/memfd:pyoci (deleted)"
    assert program.facts["comm"] == "pyoci"
    assert refusals(program) == {errno.EPERM}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to hide /proc")
def test_without_proc_it_refuses_to_enter_a_container(prefix: Path) -> None:
    hide = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        'mount -t tmpfs none /proc && "$@"',
        "sh",
    ]
    refused = subprocess.run([*hide, prefix / "bin/pyoci", "create"], stderr=subprocess.PIPE, text=True)
    assert refused.returncode == 1
    assert "mount /proc" in refused.stderr
    assert subprocess.run([*hide, prefix / "bin/pyoci", "status", "42"]).returncode == 42
