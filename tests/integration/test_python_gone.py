"""The distribution removes its Python under a build from source: what ends or inspects containers needs no file."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable

import pytest
from helpers import cgroup_files
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime
from helpers.sandbox import MARK

pytestmark = pytest.mark.root


@pytest.fixture
def stdlib(runtime: Runtime) -> str:
    if not runtime.is_pyoci:
        pytest.skip("asks how pyoci is made")
    lines = subprocess.run([*runtime.command, "--version"], check=True, capture_output=True, text=True).stdout
    facts = dict(line.split(": ", 1) for line in lines.splitlines()[1:])
    folder = facts["standard library"]
    if folder == "in the program":
        pytest.skip("a release needs no Python of the distribution")
    return folder


def without(folder: str, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run `command` in a mount namespace where `folder` is empty."""
    script = 'mount -t tmpfs none "$0"; exec "$@"'
    words = ["unshare", "--mount", "sh", "-ec", script, folder, *command]
    return subprocess.run(words, capture_output=True, text=True, timeout=TIME_LIMIT)


def test_containers_are_inspected_and_ended(runtime: Runtime, new_bundle: Callable[[], Bundle], stdlib: str) -> None:
    bundle = new_bundle()
    bundle.sleeps()
    container = runtime.create(bundle)
    pyoci = [*runtime.command, "--root", str(runtime.root)]
    for words in (["state", container.id], ["start", container.id], ["ps", "--format", "json", container.id], ["list"]):
        done = without(stdlib, [*pyoci, *words])
        assert done.returncode == 0, (words, done.stderr)
    assert '"status": "running"' in without(stdlib, [*pyoci, "state", container.id]).stdout
    for words in (["kill", container.id, "KILL"], ["delete", "--force", container.id]):
        done = without(stdlib, [*pyoci, *words])
        assert done.returncode == 0, (words, done.stderr)
    assert "does not exist" in without(stdlib, [*pyoci, "state", container.id]).stderr


LOGGED = [
    [],
    ["--log-format", "json"],
    ["--log", "LOG"],
    ["--log", "LOG", "--log-format", "json"],
    ["--debug", "--log", "LOG", "--log-format", "json"],
]
WORKING = [
    ["state", "ID"], ["list"], ["list", "--format", "json"], ["list", "--quiet"], ["ps", "ID"], ["ps", "ID", "-e"],
    ["ps", "--format", "json", "ID"], ["events", "--stats", "ID"], ["pause", "ID"], ["resume", "ID"],
    ["update", "--pids-limit", "9", "ID"], ["exec", "ID", "/bin/true"], ["top", "--once", "ID"], ["features"],
    ["kill", "ID", "WINCH"], ["kill", "--all", "ID", "WINCH"], ["kill", "ID", "KILL"], ["delete", "--force", "ID"],
]  # fmt: skip


@pytest.mark.parametrize("options", LOGGED, ids=" ".join)
def test_however_it_logs(runtime: Runtime, bundle: Bundle, stdlib: str, options: list[str]) -> None:
    """Every engine asks for a log in JSON."""
    log = bundle.path / "log"
    words = [str(log) if word == "LOG" else word for word in options]
    pyoci = [*runtime.command, "--root", str(runtime.root), *words]
    bundle.sleeps()
    container = runtime.start(bundle)
    for command in WORKING:
        done = without(stdlib, [*pyoci, *(container.id if word == "ID" else word for word in command)])
        assert done.returncode == 0, (command, done.stderr)
    done = without(stdlib, [*pyoci, "delete", container.id])
    assert done.returncode == 1
    assert "Traceback" not in done.stderr or "--debug" in options
    said = log.read_text() if "--log" in options else done.stderr
    if "json" in options:
        entries = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        assert "container does not exist" in entries[-1]["msg"]
    assert "container does not exist" in said


@pytest.mark.skipif(not os.path.isdir("/run/systemd/system"), reason="this system is not run by systemd")
def test_of_a_container_in_a_unit_of_systemd(runtime: Runtime, bundle: Bundle, stdlib: str) -> None:
    bundle.linux["cgroupsPath"] = f"system.slice:{MARK}:gone"
    bundle.sleeps()
    container = runtime.start(bundle, options=["--systemd-cgroup"])
    pyoci = [*runtime.command, "--root", str(runtime.root)]
    for words in (["state"], ["ps"], ["events", "--stats"], ["pause"], ["resume"], ["delete", "--force"]):
        done = without(stdlib, [*pyoci, *words, container.id])
        assert done.returncode == 0, (words, done.stderr)
    assert "systemd is not asked to stop" in done.stderr
    container.wait()
    assert not cgroup_files.every(f"/system.slice/{MARK}-gone.scope")


@pytest.mark.parametrize("command", [["--help"], ["--version"]], ids=lambda words: words[0])
def test_help_and_version_work(runtime: Runtime, stdlib: str, command: list[str]) -> None:
    done = without(stdlib, [*runtime.command, *command])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [["delete", "--regex"], ["doctor"]], ids=lambda words: words[0])
def test_other_commands_say_what_is_missing(
    runtime: Runtime, new_bundle: Callable[[], Bundle], stdlib: str, command: list[str]
) -> None:
    bundle = new_bundle()
    bundle.sleeps()
    words = [] if command == ["doctor"] else [runtime.create(bundle).id]
    done = without(stdlib, [*runtime.command, "--root", str(runtime.root), *command, *words])
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert f"is not in {stdlib}" in line and "build pyoci again" in line
