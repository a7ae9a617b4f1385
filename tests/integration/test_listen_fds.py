"""command-line-interface.md, LISTEN_FDS: socket activation, sd_listen_fds(3)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.descriptors import files, run_with
from helpers.runtime import Runtime


def test_the_descriptors_are_passed_on(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("cat <&3; cat <&4")
    assert run_with(files(scratch, "one", "two"), runtime, bundle, listen=True) == "onetwo"


def test_the_container_is_told(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("echo $LISTEN_FDS $LISTEN_PID")
    assert run_with(files(scratch, "one"), runtime, bundle, listen=True) == "1 1\n"


def test_preserved_ones_follow(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("cat <&3")
    assert run_with(files(scratch, "one"), runtime, bundle, "--preserve-fds", "0", listen=True) == "one"


@pytest.mark.beyond_runc("runc wants LISTEN_PID as systemd sets it; the command line's spec only LISTEN_FDS")
def test_without_a_process_id(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("cat <&3")
    assert run_with(files(scratch, "one"), runtime, bundle, listen_pid="", listen=True) == "one"


def test_those_of_another_process_are_not_passed_on(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("echo ${LISTEN_FDS-none}; ls /proc/1/fd")
    assert "none" in run_with(files(scratch, "one"), runtime, bundle, listen_pid="1", listen=True)


def test_without_it_the_container_is_not_told(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "echo ${LISTEN_FDS-none}") == "none"


@pytest.mark.parametrize("count", ["1", "3", "99"])
def test_descriptors_that_are_not_open_are_not_waited_for(runtime: Runtime, bundle: Bundle, count: str) -> None:
    """A service manager's variables reach programs that have closed what came with them; runc starts, too."""
    bundle.sh("echo started")
    result = runtime.run(bundle, env={"PATH": os.environ["PATH"], "LISTEN_FDS": count})
    assert (result.status, result.stdout) == (0, "started\n"), result.stderr
