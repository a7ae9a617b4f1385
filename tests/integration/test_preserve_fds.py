"""--preserve-fds N: descriptors 3 to 2+N are passed on."""

from __future__ import annotations

import os
from pathlib import Path

from helpers.bundle import Bundle
from helpers.descriptors import files, run_with
from helpers.runtime import Runtime


def test_they_are_passed_on(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("cat <&3; cat <&4")
    assert run_with(files(scratch, "one", "two"), runtime, bundle, "--preserve-fds", "2") == "onetwo"


def test_those_above_are_closed(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.process["args"] = ["/bin/ls", "/proc/self/fd"]
    out = run_with(files(scratch, "one", "two"), runtime, bundle, "--preserve-fds=1")
    assert out.split() == ["0", "1", "2", "3", "4"]  # 4 is the folder that ls reads


def test_create_keeps_them_until_start(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    (one,) = files(scratch, "one")
    number = os.open(one, os.O_RDONLY)
    bundle.sh(f"cat <&{number}")
    container = runtime.create(bundle, "--preserve-fds", str(number - 2), pass_fds=range(3, number + 1))
    os.close(number)
    assert container.exits() == "one"
