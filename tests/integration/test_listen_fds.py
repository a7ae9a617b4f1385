"""command-line-interface.md, LISTEN_FDS: socket activation, sd_listen_fds(3)."""

from __future__ import annotations

import os
from pathlib import Path

from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime
from integration.test_preserve_fds import files, passed


def call(runtime: Runtime, bundle: Bundle, paths: list[Path], *words: str) -> str:
    name = runtime.add(bundle)
    with open(bundle.path / "out", "w+b") as out:
        process = runtime.popen(
            "run",
            "--bundle",
            str(bundle.path),
            *words,
            name,
            stdout=out,
            close_fds=False,
            preexec_fn=passed(paths),
            env={**os.environ, "LISTEN_FDS": str(len(paths)), "LISTEN_PID": "1"},
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


def test_without_it_the_container_is_not_told(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "echo ${LISTEN_FDS-none}") == "none"
