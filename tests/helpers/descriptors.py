"""A runtime that is called with open files at descriptors 3, 4 ..."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime


def files(folder: Path, *names: str) -> list[Path]:
    """Files that hold their own names."""
    for name in names:
        (folder / name).write_text(name)
    return [folder / name for name in names]


def run_with(
    paths: list[Path],
    runtime: Runtime,
    bundle: Bundle,
    *words: str,
    listen: bool = False,
    listen_pid: str = "$$",
) -> str:
    """What the container of `run` prints, when the runtime is called with `paths` open from 3 on.

    With `listen` LISTEN_FDS is set; LISTEN_PID is then by default the runtime's own PID, as systemd sets it.
    """
    command = runtime.arguments("run", "--bundle", str(bundle.path), *words, runtime.add(bundle))
    env = dict(os.environ)
    if listen:
        env["LISTEN_FDS"] = str(len(paths))
        if listen_pid:
            command = ["sh", "-c", f'LISTEN_PID={listen_pid} exec "$@"', "sh", *command]
    with open(bundle.path / "out", "w+b") as out:
        # close_fds works after preexec_fn and would close them again.
        process = subprocess.Popen(
            command,
            stdout=out,
            env=env,
            close_fds=False,
            preexec_fn=_opened(paths),  # noqa: PLW1509  # the tests have one thread
        )
        assert process.wait(TIME_LIMIT) == 0
    return (bundle.path / "out").read_text()


def _opened(paths: list[Path]) -> Callable[[], None]:
    def open_all() -> None:
        os.closerange(3, 1000)
        for path in paths:
            os.set_inheritable(os.open(path, os.O_RDONLY), True)

    return open_all
