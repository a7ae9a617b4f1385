"""config.md, POSIX-platform Hooks: those of the runtime namespace, in order, with the state on stdin."""

from __future__ import annotations

import json
import posix
from pathlib import Path
from typing import Any

import pytest

from pyoci import log
from pyoci.errors import HookError
from pyoci.host import hooks

STATE: dict[str, Any] = {"id": "x", "status": "creating", "annotations": {"k": "ü"}}


def shell(script: str, **fields: Any) -> dict[str, Any]:
    return {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]} | fields


def test_in_order_and_with_the_state(tmp_path: Path) -> None:
    listed = [shell("echo 1 >> order; cat > state"), shell("echo 2 >> order")]
    hooks.run(listed, STATE, "createRuntime", str(tmp_path))
    assert (tmp_path / "order").read_text() == "1\n2\n"
    assert json.loads((tmp_path / "state").read_text()) == STATE


def test_nothing_to_do() -> None:
    hooks.run([], STATE, "prestart", "/nonexistent")


def test_a_failure_names_kind_index_path_and_status_and_stops(tmp_path: Path) -> None:
    listed = [shell("true"), shell("echo why >&2; exit 7"), shell("touch not-reached")]
    with pytest.raises(HookError, match=r"^error running prestart hook #1: /bin/sh: exited with status 7: why$"):
        hooks.run(listed, STATE, "prestart", str(tmp_path))
    assert not (tmp_path / "not-reached").exists()


def test_a_timeout_is_a_failure() -> None:
    with pytest.raises(HookError, match="killed: its timeout is over"):
        hooks.run([shell("sleep 60", timeout=1)], STATE, "poststart", "/")


def test_path_is_the_default_of_args(tmp_path: Path) -> None:
    program = tmp_path / "hook"
    program.write_text('#!/bin/sh\necho "$0 $#" > ' + f"{tmp_path}/out\n")
    program.chmod(0o755)
    for hook in ({"path": str(program)}, {"path": str(program), "args": []}):
        hooks.run([hook], STATE, "prestart", "/")
        assert (tmp_path / "out").read_text() == f"{program} 0\n"


def test_an_empty_env_is_empty(tmp_path: Path) -> None:
    arguments = ["cp", "/proc/self/environ", f"{tmp_path}/env"]
    hooks.run([{"path": "/bin/cp", "args": arguments, "env": []}], STATE, "prestart", "/")
    assert (tmp_path / "env").read_bytes() == b""


def test_without_env_the_environment_is_the_callers(tmp_path: Path) -> None:
    hooks.run([{"path": "/bin/cp", "args": ["cp", "/proc/self/environ", f"{tmp_path}/env"]}], STATE, "prestart", "/")
    words = (tmp_path / "env").read_bytes().rstrip(b"\0").split(b"\0")
    assert sorted(words) == sorted(b"=".join(entry) for entry in posix.environ.items())


def test_a_program_that_is_missing() -> None:
    with pytest.raises(
        HookError, match=r"^error running prestart hook #0: /nonexistent: cannot be executed: no such file"
    ):
        hooks.run([{"path": "/nonexistent"}], STATE, "prestart", "/")


def test_run_all_goes_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log.setup(None)
    hooks.run_all([shell("exit 1"), shell("touch reached")], STATE, "poststop", str(tmp_path))
    assert (tmp_path / "reached").exists()
    assert "warning: error running poststop hook #0: /bin/sh: exited with status 1" in capfd.readouterr().err
