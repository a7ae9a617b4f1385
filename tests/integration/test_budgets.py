"""What a command may cost, in what does not change from run to run: modules, system calls, instructions.

A number that must grow is a decision: change it here, and say why in the commit. `hack/bench` tells what it means in
milliseconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.cgroup import is_v2
from helpers.program import can_have_snapshot, has_snapshot
from helpers.runtime import Runtime

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("create", "state", "start", "exec", "kill", "delete", "run")

# Runs a command line as the program does, without what `site` brings, and tells which modules it loaded.
TELL_MODULES = """
import sys
before = {*sys.modules, "__future__"}  # the program's modules are compiled without it
sys.path.insert(0, sys.argv[1])
from pyoci.cli.main import main
status = main(sys.argv[3:])
with open(sys.argv[2], "w") as file:
    file.write("\\n".join({*sys.modules} - before))
sys.exit(status)
"""

# All of them C. `os` (1 ms), `re` (7), `typing` (14), `json`, `argparse` and their kind are what this list keeps out.
STANDARD = {
    "create": {"_json", "_socket", "_stat", "_struct", "errno", "fcntl", "gc", "select"},
    "state": {"_json", "_socket", "errno"},
    "start": {"_json", "_socket", "_struct", "errno", "fcntl"},
    "exec": {"_json", "_socket", "_stat", "_struct", "errno", "fcntl", "gc", "select"},
    "kill": {"_json", "errno"},
    "delete": {"_json", "errno", "fcntl"},
    "run": {"_json", "_socket", "_stat", "_struct", "errno", "fcntl", "gc", "select"},
}

# Of pyoci's own modules each takes about 0.03 ms where the program has no snapshot, and memory where it has one.
SHORT = set(
    """
    cli cli.main cli.options cli.output errors host kernel kernel._raw kernel.proc_stat log state state.model
    state.status state.store jsontext record _record cgroups cgroups.files cgroups.group cgroups.v1 cgroups.v2
    """.split()
)
OWN: dict[str, set[str]] = {
    "state": SHORT | {"cli.state", "host.status"},
    "start": SHORT
    | {"cli.start", "host.interrupt", "host.start", "host.why_stuck", "kernel.scm_rights", "kernel.signals"}
    | {"wire", "wire.messages"},
    "kill": SHORT | {"cli.kill", "host.kill", "kernel.pidfd", "kernel.signals"},
    "delete": SHORT | {"cli.delete", "host.delete", "host.kill", "kernel.pidfd", "kernel.signals"},
}
# Long lists would only repeat architecture.md: of these commands the number counts.
OWN_COUNT = {"create": 111, "exec": 79, "run": 119}
# Where the device rules are a program, and a group's processes are waited for.
ON_V2, MORE_ON_V2 = {"select"}, 4

# `run` and `exec` with the container's side, up to the end of /bin/true.
# `delete` has some to spare: now and then the kernel refuses rmdir(2) once, until the last process is really gone.
# Nine of each load the dynamic linker (launcher/entry.c), which the kernel does elsewhere; eight copy Python's objects
# into a huge page (launcher/snapshot/huge_page.c), in place of some 300 page faults.
SYSTEM_CALLS = {"create": 470, "state": 168, "start": 186, "exec": 592, "kill": 168, "delete": 196, "run": 930}

# Over `python3 -I -S -c pass`, whatever the machine and the version of Python. A bare /bin/true has 0.006. The other
# commands start with a sealed copy of the program, which valgrind cannot follow, and `kill` with pidfd_open(2), which
# it does not know.
INSTRUCTIONS = {"state": 0.08, "start": 0.08, "delete": 0.08}


@pytest.mark.parametrize("command", COMMANDS)
def test_modules(runtime: Runtime, new_bundle: Callable[[], Bundle], scratch: Path, command: str) -> None:
    if not runtime.is_pyoci:
        pytest.skip("asks how pyoci is made")
    told = scratch / "modules"
    live(runtime, new_bundle, command, [sys.executable, "-I", "-S", "-c", TELL_MODULES, str(ROOT), str(told)])
    found = told.read_text().split()
    own = {name.removeprefix("pyoci.") for name in found if name.startswith("pyoci.")}
    allowed = STANDARD[command] | (ON_V2 if is_v2() else set())
    assert {name for name in found if name.partition(".")[0] != "pyoci"} <= allowed
    if command in OWN:
        assert own <= OWN[command]
    else:
        assert len(own) <= OWN_COUNT[command] + (MORE_ON_V2 if is_v2() else 0)


@pytest.mark.alone
@pytest.mark.parametrize("command", COMMANDS)
def test_system_calls(runtime: Runtime, new_bundle: Callable[[], Bundle], scratch: Path, command: str) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    # After `create` the container's side stays, and strace would stay with it.
    follow = [] if command == "create" else ["-f"]
    counted = scratch / "calls"
    live(runtime, new_bundle, command, ["strace", *follow, "-c", "-o", str(counted), *runtime.command])
    total = int(counted.read_text().splitlines()[-1].split()[3])
    assert total <= SYSTEM_CALLS[command] or not runtime.is_pyoci


def test_snapshot_is_installed(runtime: Runtime) -> None:
    """A build that can take none goes on without: it must be noticed where it can."""
    if not runtime.is_pyoci:
        pytest.skip("asks how pyoci is made")
    if not can_have_snapshot():
        pytest.skip("this Python's library allows for no snapshot")
    assert has_snapshot(runtime.command[0])


@pytest.mark.alone
@pytest.mark.thorough
@pytest.mark.parametrize("command", INSTRUCTIONS)
def test_instructions(runtime: Runtime, new_bundle: Callable[[], Bundle], scratch: Path, command: str) -> None:
    if not runtime.is_pyoci:
        pytest.skip("asks how pyoci is made")
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    if not has_snapshot(runtime.command[0]):
        pytest.skip("this Python's library allows for no snapshot")
    counted, floor = scratch / "counted", scratch / "floor"
    live(runtime, new_bundle, command, callgrind(counted) + runtime.command)
    bare = [*callgrind(floor), sys.executable, "-I", "-S", "-c", "pass"]
    subprocess.run(bare, check=True, stderr=subprocess.DEVNULL)
    assert instructions(counted) <= INSTRUCTIONS[command] * instructions(floor)


def live(runtime: Runtime, new_bundle: Callable[[], Bundle], measured: str, program: list[str]) -> None:
    """A container's life, in which `program` is called instead of the runtime for the command `measured`."""
    runtime.root.mkdir(mode=0o700, exist_ok=True)  # the first container of a machine may cost more
    long, short = new_bundle(), new_bundle()
    long.sleeps()
    name, another = runtime.add(long), runtime.add(short)
    words = {
        "create": ("create", "--bundle", str(long.path), name),
        "state": ("state", name),
        "start": ("start", name),
        "exec": ("exec", name, "/bin/true"),
        "kill": ("kill", name, "KILL"),
        "delete": ("delete", name),
        "run": ("run", "--bundle", str(short.path), another),
    }
    plain, pid = runtime.command, 0
    for command in COMMANDS:
        if command == "delete":
            os.waitpid(pid, 0)
        try:
            runtime.command = program if command == measured else plain
            runtime.expect(*words[command])
        finally:
            runtime.command = plain
        if command == "create":
            pid = runtime.state(name)["pid"]
        if command == measured and command != "create":
            return


def callgrind(out: Path) -> list[str]:
    return ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"]


def instructions(file: Path) -> int:
    """The total of a callgrind profile."""
    for line in file.read_text().splitlines():
        if line.startswith("summary:"):
            return int(line.split()[1])
    raise AssertionError(f"{file}: no summary")
