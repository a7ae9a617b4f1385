"""--preserve-fds N: descriptors 3 to 2+N are passed on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from helpers.bundle import Bundle
from helpers.runtime import Runtime


def passed(paths: list[Path]) -> Callable[[], None]:
    """For the child after the fork: puts the files at descriptors 3, 4 ..., and closes all others."""

    def place() -> None:
        os.closerange(3, 1000)
        for path in paths:
            os.set_inheritable(os.open(path, os.O_RDONLY), True)

    return place


def files(scratch: Path, *names: str) -> list[Path]:
    for name in names:
        (scratch / name).write_text(name)
    return [scratch / name for name in names]


def call(runtime: Runtime, bundle: Bundle, paths: list[Path], *words: str) -> str:
    # close_fds would close them again after preexec, hence Popen's own option off.
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
        )
        assert process.wait(30) == 0
    return (bundle.path / "out").read_text()


def test_they_are_passed_on(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh("cat <&3; cat <&4")
    assert call(runtime, bundle, files(scratch, "one", "two"), "--preserve-fds", "2") == "onetwo"


def test_those_above_are_closed(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.process["args"] = ["/bin/ls", "/proc/self/fd"]
    out = call(runtime, bundle, files(scratch, "one", "two"), "--preserve-fds=1")
    assert out.split() == ["0", "1", "2", "3", "4"]  # 4 is the folder that ls reads


def test_create_keeps_them_until_start(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    (one,) = files(scratch, "one")
    number = os.open(one, os.O_RDONLY)
    bundle.sh(f"cat <&{number}")
    container = runtime.create(bundle, "--preserve-fds", str(number - 2), pass_fds=range(3, number + 1))
    os.close(number)
    assert container.exits() == "one"
