"""The `pyoci` program, built around a command line that only tells what it finds."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.program import build_program, can_have_snapshot, has_snapshot, snapshot

ROOT = Path(__file__).resolve().parents[2]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"

PROBE = """\
import sys, os, json

def main(argv):
    if argv[:1] == ["python"]:
        exec(argv[1], {**globals()})
        return 0
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
        "environ": dict(os.environ),
        "descriptors": [name for name in os.listdir("/proc/self/fd") if int(name) > 2],
        "exe": os.readlink("/proc/self/exe"),
        "modules": {name: str(getattr(module, "__file__", None)) for name, module in sys.modules.items()},
        "package": getattr(sys.modules["pyoci"], "__file__", None),
        "path": sys.path,
        "raw": _raw.syscall(_raw.SYS["getpid"]) == os.getpid(),
        "rare": rare and rare.__file__,
    }
    print(json.dumps(facts), flush=True)
    sys.stdin.read()
    return 0
"""


ENTERING = ("create", "run", "exec", "another")  # their modules lead to host/spawn


@pytest.fixture(scope="module", params=["with a snapshot", "without a snapshot"])
def prefix(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation: bin/pyoci, and a package that it shall find beside pyoci's own."""
    if request.param == "without a snapshot":
        return install(tmp_path_factory, {"PYOCI_NO_SNAPSHOT": "1"})
    if not can_have_snapshot():
        pytest.skip("this Python has no static library, or is of a version that snapshots are not known to work with")
    return install(tmp_path_factory, {})


def install(
    folders: pytest.TempPathFactory, environment: dict[str, str], more: Mapping[str, str] = {}, says: str = ""
) -> Path:
    tree = folders.mktemp("tree")
    shutil.copytree(ROOT / "launcher", tree / "launcher")
    for package in ("pyoci", "pyoci/cli", "pyoci/host", "pyoci/kernel"):
        (tree / package).mkdir()
        (tree / package / "__init__.py").touch()
    for source in (ROOT / "pyoci").rglob("*.[ch]"):
        shutil.copy(source, tree / source.relative_to(ROOT))
    shutil.copy(ROOT / "pyoci/build.py", tree / "pyoci")
    (tree / "pyoci/host/spawn.py").touch()
    (tree / "pyoci/host/between.py").write_text("def later():\n    from pyoci.host import spawn\n")
    for entering in ENTERING:
        (tree / f"pyoci/cli/{entering}.py").write_text("from pyoci.host import between\n")
    (tree / "pyoci/cli/main.py").write_text(PROBE)
    (tree / "pyoci/cli/kept.py").write_text("import time\nbegin = time.time_ns()\n")  # loaded for a snapshot
    (tree / "pyoci/cli/top.py").write_text("")  # cold (launcher/freeze.py)

    for name, text in more.items():
        (tree / name).write_text(text)

    prefix = folders.mktemp("prefix")
    command = [sys.executable, f"{tree}/launcher/build_program.py", f"{prefix}/bin/pyoci"]
    built = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if "missing: install" in built.stderr:
        pytest.skip(built.stderr.strip())
    assert built.returncode == 0, built.stderr
    assert says in built.stderr if says else "no snapshot" not in built.stderr
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
    done = subprocess.run([prefix / "bin/pyoci", "status", "42"], env={}, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (42, b"", b"")


def test_the_builders_call_is_nothing_special_afterwards(prefix: Path) -> None:
    """A caller chooses argv[0]: it must not make a program that is installed write its memory out."""
    command = [snapshot.CALLED, "status", "42"]
    done = subprocess.run(command, executable=prefix / "bin/pyoci", env={}, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (42, b"", b"")


def test_output_that_cannot_be_written_is_a_failure(prefix: Path) -> None:
    with open("/dev/full", "w") as full:
        assert subprocess.run([prefix / "bin/pyoci", "print"], env={}, stdout=full).returncode == 1


def test_closed_standard_streams_are_no_failure(prefix: Path) -> None:
    command = ["sh", "-c", 'exec "$0" print <&- >&- 2>&-', f"{prefix}/bin/pyoci"]
    assert subprocess.run(command).returncode == 0


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize(
    "flags", [os.O_DIRECTORY, os.O_PATH, os.O_WRONLY | os.O_TMPFILE], ids=["folder", "path", "write"]
)
def test_strange_standard_streams_are_no_failure(prefix: Path, tmp_path: Path, number: int, flags: int) -> None:
    """Python itself does not start with a folder as one of them. A container's program gets what was given."""
    code = f"import os, json; open({str(tmp_path / 'seen')!r}, 'w').write(json.dumps(list(os.fstat({number})[:3])))"
    fd = os.open(tmp_path, flags)
    try:
        streams: dict[str, Any] = {("stdin", "stdout", "stderr")[number]: fd}
        done = subprocess.run([prefix / "bin/pyoci", "python", code], env={}, **streams)
        assert done.returncode == 0
        assert json.loads((tmp_path / "seen").read_text()) == list(os.fstat(fd)[:3])
    finally:
        os.close(fd)


def test_environment_is_the_callers(prefix: Path) -> None:
    given = {"NAME": "value", "EMPTY": "", "\udcff": "a=b"}
    assert ask(prefix / "bin/pyoci", env=given)["environ"] == given


@pytest.mark.thorough
def test_nothing_of_the_builder_is_in_the_program(tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = "e2f4c6a8-known-to-the-builder"
    prefix = install(tmp_path_factory, {"SECRET": secret})
    assert secret.encode() not in (prefix / "bin/pyoci").read_bytes()


def tell(prefix: Path, code: str, *before: str, **options: Any) -> Any:
    """What `code` prints as JSON when the program runs it, behind the command `before`."""
    command = [*before, str(prefix / "bin/pyoci"), "python", code]
    answer = subprocess.run(command, env={}, stdout=subprocess.PIPE, check=True, **options)
    return json.loads(answer.stdout)


HANDLERS = """
import signal
print(json.dumps({number: str(signal.getsignal(number)) for number in (1, 2, 13, 15, 17)}))
"""


@pytest.mark.parametrize("ignored", [[], [signal.SIGHUP], [signal.SIGINT, signal.SIGTERM]])
def test_signals_are_as_the_caller_left_them(prefix: Path, ignored: list[int]) -> None:
    def ignore() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    command = [sys.executable, "-I", "-c", f"import json\n{HANDLERS}"]
    expected = json.loads(subprocess.run(command, stdout=subprocess.PIPE, preexec_fn=ignore).stdout)
    found = tell(prefix, HANDLERS, preexec_fn=ignore)
    assert {number: words.partition(" at ")[0] for number, words in found.items()} == {
        number: words.partition(" at ")[0] for number, words in expected.items()
    }


def test_time_zone_is_the_callers(prefix: Path) -> None:
    code = "import time\nprint(json.dumps([time.tzname, time.timezone, time.localtime(0).tm_hour]))"
    assert tell(prefix, code, "env", "TZ=XYZ5") == [["XYZ", "XYZ"], 18000, 19]


def test_interrupt_is_an_exception(prefix: Path) -> None:
    # A shell starts a job in the background with SIGINT ignored, and so may whoever runs the tests.
    code = """
import time
try:
    os.kill(os.getpid(), 2)
    time.sleep(10)
except KeyboardInterrupt:
    print(1)
"""
    assert tell(prefix, code, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) == 1


def test_threads(prefix: Path) -> None:
    code = """
import threading
threads = [threading.Thread(target=sum, args=(range(10**6),)) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
main = threading.main_thread()
print(json.dumps([main.ident == threading.get_ident(), main.native_id == os.getpid()]))
"""
    assert tell(prefix, code) == [True, True]


def test_callbacks_from_c_find_the_interpreter(prefix: Path) -> None:
    code = """
import ctypes
numbers = (ctypes.c_int * 3)(3, 1, 2)
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
ctypes.CDLL(None).qsort(numbers, 3, 4, compare(lambda one, two: one[0] - two[0]))
print(json.dumps(list(numbers)))
"""
    assert tell(prefix, code) == [1, 2, 3]


def test_children_of_python(prefix: Path) -> None:
    code = """
import subprocess
child = os.fork() or os._exit(7)
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), subprocess.check_output(["echo"]).decode()]))
"""
    assert tell(prefix, code) == [7, "\n"]


@pytest.mark.parametrize("command", [[], ["setarch", "-R"]], ids=["heap anywhere", "heap beside the program"])
def test_memory_grows_and_shrinks(prefix: Path, command: list[str]) -> None:
    """Memory from the snapshot and from the heap are told apart, also where one begins at the end of the other."""
    code = """
import gc, array
made = []
for size in range(1, 3000, 7):
    made.append([bytearray(size) for _ in range(20)])
    made.append(array.array("B", bytes(size)))
    made[-1].extend(range(200))
    for buffer in made[-2]: buffer.extend(bytes(size))
    if size % 3 == 0: del made[::2]
gc.collect()
for name, module in list(sys.modules.items()):
    module.__dict__.update({f"x{number}": number for number in range(100)})
print(sum(map(len, made)) > 0 and 1)
"""
    if command and not shutil.which("setarch"):
        pytest.skip("setarch is not installed")
    assert tell(prefix, code, *command) == 1


def test_tracebacks_have_lines(prefix: Path) -> None:
    code = """
import traceback
try:
    sys.modules["pyoci.cli.main"].main(["status", "no number"])
except ValueError as error:
    print(json.dumps([frame.lineno > 0 for frame in traceback.extract_tb(error.__traceback__)]))
"""
    assert tell(prefix, code) == [True, True]


KEPT = "from pyoci.cli import kept\nprint(kept.begin)"


def test_snapshot_is_there_where_it_can_be(prefix: Path, request: pytest.FixtureRequest) -> None:
    wanted = request.node.callspec.params["prefix"] == "with a snapshot"
    assert has_snapshot(prefix / "bin/pyoci") == wanted
    # A module of pyoci was loaded when the program was built, or is loaded by each run.
    assert (tell(prefix, KEPT) == tell(prefix, KEPT)) == wanted


def test_cold_modules_are_loaded_by_the_run_that_uses_them(prefix: Path) -> None:
    assert "pyoci.cli.top" not in ask(prefix / "bin/pyoci")["modules"]
    assert tell(prefix, "from pyoci.cli import top\nprint(1)") == 1


# Of modules that are in the snapshot the code is left out of the file; of the others it is not.
EVERY_MODULE = """
import _imp
kept = set(sys.modules)
names = [name for name in _imp._frozen_module_names() if name.startswith("pyoci.")]
excluded = [name for name in names if not _imp.is_frozen(name)]
for name in names:
    __import__(name)
print(json.dumps({"kept": sorted(kept), "excluded": excluded}))
"""


def test_every_module_can_be_imported(prefix: Path) -> None:
    told = tell(prefix, EVERY_MODULE)
    if has_snapshot(prefix / "bin/pyoci"):
        assert set(told["excluded"]) <= set(told["kept"])
        assert "pyoci.cli.kept" in told["excluded"]
    else:
        assert not told["excluded"]


def test_program_survives_strip(prefix: Path, tmp_path: Path) -> None:
    """Distributions strip what they package."""
    (tmp_path / "bin").mkdir()
    subprocess.run(["strip", "-o", tmp_path / "bin/pyoci", prefix / "bin/pyoci"], check=True)
    assert tell(tmp_path, KEPT) > 0
    assert has_snapshot(tmp_path / "bin/pyoci") == has_snapshot(prefix / "bin/pyoci")


@pytest.mark.thorough
def test_program_that_cannot_have_a_snapshot_does_without(tmp_path_factory: pytest.TempPathFactory) -> None:
    """It is linked anew: what prepares a snapshot has 32 MiB of memory, and no more."""
    if not can_have_snapshot():
        pytest.skip("no program has one here")
    broken = "import posix\nif b'HOME' not in posix.environ: raise SystemExit(9)\n"
    prefix = install(tmp_path_factory, {}, {"pyoci/cli/broken.py": broken}, says="no snapshot")
    assert not has_snapshot(prefix / "bin/pyoci")
    assert tell(prefix, "print(len('x' * (40 << 20)))") == 40 << 20


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


@pytest.mark.parametrize("command", ENTERING)
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


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="without CAP_SYS_ADMIN the program is sealed in memory")
def test_the_c_library_starts_once_in_a_sealed_program(prefix: Path, tmp_path: Path) -> None:
    """launcher/entry.c: what is executed again has opened no file before, the dynamic linker neither."""
    if not has_snapshot(prefix / "bin/pyoci"):
        pytest.skip("entry.c is part of a program with a snapshot")
    calls = tmp_path / "calls"
    subprocess.run(
        ["strace", "-o", calls, prefix / "bin/pyoci", "create"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    names = [line.partition("(")[0] for line in calls.read_text().splitlines()]
    again = names.index("execveat")
    assert names[:again] == ["execve", "readlinkat", "open_tree", "mount_setattr"]
    assert "execveat" not in names[again + 1 :]


def _linker() -> str:
    return str(snapshot.Program(Path(sys.executable).read_bytes()).interpreter())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for chroot(2)")
@pytest.mark.parametrize(
    ("there", "reason"),
    [(None, "no such file or directory (ENOENT)"), (b"text", "it is not a program of this machine")],
    ids=["missing", "text"],
)
def test_a_dynamic_linker_that_cannot_be_loaded_is_named(
    prefix: Path, tmp_path: Path, there: bytes | None, reason: str
) -> None:
    if not has_snapshot(prefix / "bin/pyoci"):
        pytest.skip("the kernel loads the dynamic linker of a program without a snapshot")
    shutil.copy2(prefix / "bin/pyoci", tmp_path / "pyoci")
    linker = tmp_path / _linker().lstrip("/")
    if there is not None:
        linker.parent.mkdir(parents=True)
        linker.write_bytes(there)
    refused = subprocess.run(["chroot", tmp_path, "/pyoci", "status", "42"], capture_output=True, text=True)
    assert refused.stderr == f"pyoci: cannot load {_linker()}, the dynamic linker that it was built with: {reason}\n"
    assert refused.returncode == 127


@pytest.mark.parametrize("limit", [0, 3])
def test_too_few_descriptors_for_the_dynamic_linker(prefix: Path, limit: int) -> None:
    """The file is there: to say that it cannot be loaded leads nowhere without the limit."""
    if not has_snapshot(prefix / "bin/pyoci"):
        pytest.skip("the kernel loads the dynamic linker of a program without a snapshot")
    command = ["prlimit", f"--nofile={limit}:{limit}", f"{prefix}/bin/pyoci", "status", "42"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.stderr == (
        f"pyoci: cannot load {_linker()}, the dynamic linker that it was built with: too many open files (EMFILE);"
        f" the caller's limit of open files is too low (ulimit -n)\n"
    )


def test_the_first_instructions_call_no_library(tmp_path: Path) -> None:
    """Its functions work from where the C library has started, which is later."""
    target = build_program.of_this_python()._replace(interpreter="/lib/ld.so")
    if not target.has_snapshot:
        pytest.skip("entry.c is part of a program with a snapshot")
    names = subprocess.run(
        ["nm", "--undefined-only", build_program.compile_entry(tmp_path, target)], stdout=subprocess.PIPE, text=True
    ).stdout.split()
    assert set(names) == {"U", "_start", "pyoci_sealed_commands"}


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
