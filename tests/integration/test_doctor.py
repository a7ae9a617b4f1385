"""`doctor` on hosts that lack something: it is tried, so it must be noticed; and nothing is changed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from helpers.runtime import TIME_LIMIT, Runtime

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
NO_ADMIN = ["setpriv", "--bounding-set=-sys_admin"]


@pytest.fixture(autouse=True)
def _of_pyoci(runtime: Runtime) -> None:
    if not runtime.is_pyoci:
        pytest.skip("the command is pyoci's own")


def doctor(runtime: Runtime, before: list[str], root: Path) -> tuple[int, dict[str, dict[str, object]]]:
    """Exit status and checks by name, asked with the words `before` in front of the program."""
    command = [*before, *runtime.command, "--root", str(root / "state"), "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT)
    assert not done.stderr
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def world() -> list[object]:
    return [
        sorted(Path("/proc/self/mountinfo").read_text().splitlines()),
        sorted(path.name for path in Path("/sys/fs/cgroup").glob("*/pyoci-doctor*")),
        sorted(path.name for path in Path("/tmp").glob("pyoci-doctor*")),
    ]


def test_root_of_this_machine_can_make_containers(runtime: Runtime, scratch: Path) -> None:
    before = world()
    status, checks = doctor(runtime, [], scratch)
    assert status == 0
    assert checks["mount namespace"]["status"] == "ok"
    assert world() == before


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_root_without_capability_cannot(runtime: Runtime, scratch: Path) -> None:
    status, checks = doctor(runtime, NO_ADMIN, scratch)
    assert status == 1
    assert checks["mount namespace"]["status"] == "missing"
    assert "CAP_SYS_ADMIN" in str(checks["mount namespace"]["remedy"])


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_ordinary_user_without_a_place_for_states(runtime: Runtime, scratch: Path) -> None:
    scratch.chmod(0o755)
    status, checks = doctor(runtime, NOBODY, scratch)
    assert status == 1
    assert checks["state folder"]["status"] == "missing"
    assert checks["make a group"]["status"] == "limited"


def test_kernel_without_a_call(runtime: Runtime, scratch: Path) -> None:
    """Inside of a container whose filter knows no openat2: what an old engine does to a nested one."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    inject = ["strace", "-f", "-o", "/dev/null", "-e", "inject=openat2:error=ENOSYS"]
    status, checks = doctor(runtime, inject, scratch)
    assert status == 1
    assert checks["openat2"]["status"] == "missing"
    assert "ENOSYS" in str(checks["openat2"]["detail"])


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.5])
def test_ctrl_c_is_told_once(runtime: Runtime, seconds: float) -> None:
    """A terminal sends it to the processes that try something, too."""
    words = runtime.arguments("doctor")
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=TIME_LIMIT)
    # it may have ended before, or not have begun
    assert (process.returncode, said) in ((130, "pyoci: interrupted\n"), (0, ""), (1, ""), (-signal.SIGINT, ""))
