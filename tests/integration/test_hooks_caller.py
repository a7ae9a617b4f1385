"""What hooks have of whoever calls the runtime: every kind of hook, every property."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime, until

HOST = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
KINDS = [*HOST, "startContainer"]
IGNORED = (signal.SIGUSR1, signal.SIGHUP)  # pyoci itself acts on the second; nohup(1) ignores it
SCRIPT = "umask; grep SigIgn /proc/self/status; ulimit -n; pwd; env"


def as_a_caller() -> None:
    os.umask(0o027)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_NOFILE, (321, 4321))


def told(runtime: Runtime, bundle: Bundle, scratch: Path, kind: str) -> list[str]:
    """What a hook of that kind, without `env`, says of itself in a whole `run` of a container."""
    inside = kind == "startContainer"
    (bundle.rootfs / "tmp").chmod(0o777)
    answer = bundle.rootfs / "tmp/told" if inside else scratch / "told"
    script = f"PATH=/bin:/usr/bin; ({SCRIPT}) > {'/tmp/told' if inside else answer}"
    bundle.config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}
    bundle.process["env"] = ["PATH=/bin", "OF_THE_PROCESS=1"]
    for number in range(80):  # more descriptors than a small limit has
        bundle.bind(scratch, f"/mnt/{number}")
    result = runtime.run(bundle, env={"PATH": os.environ["PATH"], "OF_THE_CALLER": "1"}, preexec=as_a_caller)
    assert result.status == 0, result.stderr
    return answer.read_text().splitlines()


@pytest.mark.parametrize("kind", KINDS)
def test_umask_signals_and_limits(runtime: Runtime, bundle: Bundle, scratch: Path, kind: str) -> None:
    umask, ignored, limit, *_ = told(runtime, bundle, scratch, kind)
    assert umask == ("0022" if kind == "startContainer" else "0027")  # there the umask is the process's
    assert limit == "321"
    if runtime.is_pyoci:
        assert int(ignored.split()[1], 16) == sum(1 << number - 1 for number in IGNORED)


def test_signals_of_a_hook_of_the_undoing(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    """A signal has ended `create`, which runs poststop hooks and does not hear a second one."""
    bundle.hook("createRuntime", f"touch {scratch}/waits; sleep 100")
    bundle.hook("poststop", f"grep Sig /proc/self/status > {scratch}/told")
    name = runtime.add(bundle)
    command = runtime.quietly("create", "--bundle", str(bundle.path), name, preexec=as_a_caller)
    until((scratch / "waits").exists, "the hook waits")
    command.terminate()
    assert command.wait(TIME_LIMIT) == 128 + signal.SIGTERM
    masks = dict(line.split(":\t") for line in (scratch / "told").read_text().splitlines() if "Q" not in line)
    assert int(masks["SigIgn"], 16) == sum(1 << number - 1 for number in IGNORED)
    assert int(masks["SigBlk"], 16) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_environment(runtime: Runtime, bundle: Bundle, scratch: Path, kind: str) -> None:
    lines = told(runtime, bundle, scratch, kind)
    if kind == "startContainer":
        assert "OF_THE_PROCESS=1" in lines
        assert "HOME=/root" in lines
        assert "OF_THE_CALLER=1" not in lines
    elif kind != "createContainer" or runtime.is_pyoci:
        # never the image's: CVE-2025-23266
        assert "OF_THE_CALLER=1" in lines
        assert "OF_THE_PROCESS=1" not in lines


@pytest.mark.parametrize("kind", KINDS)
def test_working_directory(runtime: Runtime, bundle: Bundle, scratch: Path, kind: str) -> None:
    folders = {"createContainer": str(bundle.rootfs), "startContainer": "/"}
    assert told(runtime, bundle, scratch, kind)[3] == folders.get(kind, str(bundle.path))
