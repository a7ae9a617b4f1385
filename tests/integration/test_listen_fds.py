"""command-line-interface.md, LISTEN_FDS: socket activation, sd_listen_fds(3)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime
from integration.test_preserve_fds import files, passed


def call(runtime: Runtime, bundle: Bundle, paths: list[Path], *words: str, listen_pid: str = "$$") -> str:
    """`run` with LISTEN_FDS; LISTEN_PID is by default the runtime's own, as systemd sets it."""
    command = runtime.arguments("run", "--bundle", str(bundle.path), *words, runtime.add(bundle))
    if listen_pid:
        command = ["sh", "-c", f'LISTEN_PID={listen_pid} exec "$@"', "sh", *command]
    with open(bundle.path / "out", "w+b") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            close_fds=False,
            preexec_fn=passed(paths),
            env={**os.environ, "LISTEN_FDS": str(len(paths))},
        )
        assert process.wait(TIME_LIMIT) == 0
    return (bundle.path / "out").read_text()


def test_the_descriptors_are_passed_on(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("cat <&3; cat <&4")
    assert call(runtime, bundle, files(scratch, "one", "two")) == "onetwo"


def test_the_container_is_told(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("echo $LISTEN_FDS $LISTEN_PID")
    assert call(runtime, bundle, files(scratch, "one")) == "1 1\n"


def test_preserved_ones_follow(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("cat <&3")
    assert call(runtime, bundle, files(scratch, "one"), "--preserve-fds", "0") == "one"


@pytest.mark.beyond_runc("runc wants LISTEN_PID as systemd sets it; the command line's spec only LISTEN_FDS")
def test_without_a_process_id(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("cat <&3")
    assert call(runtime, bundle, files(scratch, "one"), listen_pid="") == "one"


def test_those_of_another_process_are_not_passed_on(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("echo ${LISTEN_FDS-none}; ls /proc/1/fd")
    assert "none" in call(runtime, bundle, files(scratch, "one"), listen_pid="1")


def test_without_it_the_container_is_not_told(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "echo ${LISTEN_FDS-none}") == "none"
