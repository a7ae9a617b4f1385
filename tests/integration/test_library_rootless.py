"""The library in the hands of an ordinary user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.library import ROOT, Library
from helpers.runtime import TIME_LIMIT

USER = 1000
PROGRAM = """
import os, sys, pyoci
from pyoci import Container, Config
program, rootfs, scratch = sys.argv[1:]
assert os.geteuid() == 1000
done = pyoci.run(["sh", "-c", "id -u; cat /proc/self/uid_map; exit 3"], rootfs, program=program, text=True)
print(done.exit, done.stdout.split())
config = Config.default().with_args("sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.02; done").with_tmpfs("/tmp")
with Container.create(config=config, rootfs=rootfs, program=program, die_with_parent=True) as container:
    container.start()
    print(container.status, [other.id == container.id for other in Container.list(program=program)])
    done = container.exec(["sh", "-c", "cat; exit 7"], input="fed", text=True)
    print(done.exit, done.stdout)
    open(scratch + "/file", "w").write("copied")
    container.copy_in(scratch + "/file", "/tmp")
    print(container.exec(["ls", "-ln", "/tmp/file"], text=True).stdout.split()[2:4])
    container.copy_out("/tmp/file", scratch + "/back")
    print(open(scratch + "/back").read())
    container.kill("TERM")
    print(container.wait(20))
print(os.listdir(os.environ["XDG_RUNTIME_DIR"] + "/pyoci"))
"""


def test_without_root(library: Library, scratch: Path) -> None:
    if not os.access(sys.executable, os.X_OK):
        pytest.skip("this Python cannot be run by others")
    home = scratch / "home"
    home.mkdir()
    for folder, _, files in os.walk(scratch):
        for path in [folder, *(os.path.join(folder, file) for file in files)]:
            os.chown(path, USER, USER, follow_symlinks=False)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, library.options["program"], str(library.rootfs), str(home)],
        env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(home), "PYTHONPATH": str(ROOT)},
        user=USER,
        group=USER,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
    )
    if "ermission" in done.stderr and str(ROOT) in done.stderr:
        pytest.skip(f"an ordinary user cannot read {ROOT}")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"exit status 3 ['0', '0', '{USER}', '1']",
        "running [True]",
        "exit status 7 fed",
        "['0', '0']",
        "copied",
        "exit status 5",
        "[]",
    ]
