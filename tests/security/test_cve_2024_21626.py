"""CVE-2024-21626: a working directory, or a program, that is reached through a descriptor of the runtime.

`..` of the host's procfs, or of a cgroup's folder, is the way to the host's files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.bundle import BUSYBOX, Bundle
from helpers.forked import forked
from helpers.hostile import Outside
from helpers.runtime import Runtime

from pyoci.errors import ContainerError
from pyoci.init.inside import working_directory

# The runtime's own descriptors have been seen at 3 to 8.
NUMBERS = range(3, 13)


@pytest.fixture
def tool(outside: Outside) -> Path:
    """A program of the host that no container may run."""
    path = outside.path / "tool"
    shutil.copy2(BUSYBOX, path)
    outside.watch()
    return path


def through(number: int, path: Path) -> str:
    return f"/proc/self/fd/{number}/..{path}"


@pytest.mark.parametrize("end", ["", "/.."])
def test_working_directory(runtime: Runtime, new_bundle: Callable[[], Bundle], outside: Outside, end: str) -> None:
    for number in NUMBERS:
        bundle = new_bundle()
        bundle.process["cwd"] = f"/proc/self/fd/{number}{end}"
        bundle.sh(f"cat .{outside.file} ../..{outside.file} secret 2>/dev/null; ls -a")
        leaked = os.open(outside.path, os.O_RDONLY)
        result = runtime.run(bundle, pass_fds=(leaked,))
        os.close(leaked)
        assert outside.SECRET not in result.stdout
        assert result.status != 0, f"ran in {bundle.process['cwd']}: {result.stdout}"
    outside.check()


@pytest.mark.beyond_runc("runc runs in its own root by that name")
@pytest.mark.parametrize("process", ["self", "1", "thread-self"])
def test_working_directory_by_a_link_of_procfs(
    runtime: Runtime, new_bundle: Callable[[], Bundle], process: str
) -> None:
    """Even where it leads to the container's own root, and whenever the descriptor is opened."""
    for name in ("root", "cwd", *(f"fd/{number}" for number in NUMBERS)):
        bundle = new_bundle()
        bundle.process["cwd"] = f"/proc/{process}/{name}"
        before = sorted(path.relative_to(bundle.rootfs) for path in bundle.rootfs.rglob("*"))
        words = runtime.refuses(bundle)
        assert f"cwd '/proc/{process}/{name}'" in words
        assert "/process/cwd of config.json" in words
        assert sorted(path.relative_to(bundle.rootfs) for path in bundle.rootfs.rglob("*")) == before


def test_working_directory_behind_a_link_of_the_image(
    runtime: Runtime, new_bundle: Callable[[], Bundle], outside: Outside
) -> None:
    for number in NUMBERS:
        bundle = new_bundle()
        (bundle.rootfs / "work").symlink_to(f"/proc/self/fd/{number}/..")
        bundle.process["cwd"] = "/work"
        bundle.sh(f"cat .{outside.file} 2>/dev/null; ls -a")
        result = runtime.run(bundle)
        assert outside.SECRET not in result.stdout
        assert result.status != 0, result.stdout
    outside.check()


def test_program(runtime: Runtime, new_bundle: Callable[[], Bundle], tool: Path, outside: Outside) -> None:
    for number in NUMBERS:
        bundle = new_bundle()
        bundle.process["args"] = [through(number, tool), "echo", "escaped"]
        assert "escaped" not in runtime.run(bundle).stdout
    outside.check()


def test_program_behind_a_link_of_the_image(
    runtime: Runtime, new_bundle: Callable[[], Bundle], tool: Path, outside: Outside
) -> None:
    for number in NUMBERS:
        bundle = new_bundle()
        (bundle.rootfs / "bin/entry").symlink_to(through(number, tool))
        bundle.process["args"] = ["entry", "echo", "escaped"]
        assert "escaped" not in runtime.run(bundle).stdout
    outside.check()


def test_interpreter_of_a_script(runtime: Runtime, new_bundle: Callable[[], Bundle], tool: Path) -> None:
    for number in NUMBERS:
        bundle = new_bundle()
        script = bundle.rootfs / "bin/entry"
        script.write_text(f"#!{through(number, tool)} echo\n")
        script.chmod(0o755)
        bundle.process["args"] = ["entry"]
        assert "entry" not in runtime.run(bundle).stdout


def test_hook_behind_a_link_of_the_image(
    runtime: Runtime, new_bundle: Callable[[], Bundle], tool: Path, outside: Outside
) -> None:
    for number in NUMBERS:
        bundle = new_bundle()
        (bundle.rootfs / "bin/hook").symlink_to(through(number, tool))
        bundle.config["hooks"] = {"startContainer": [{"path": "/bin/hook", "args": ["touch", "/escaped"]}]}
        assert runtime.run(bundle).status != 0
        assert not (bundle.rootfs / "escaped").exists()
    outside.check()


class TestExec:
    @pytest.fixture
    def container(self, runtime: Runtime, bundle: Bundle) -> str:
        bundle.sleeps()
        return runtime.start(bundle).id

    @pytest.mark.parametrize("end", ["", "/.."])
    def test_working_directory(self, runtime: Runtime, container: str, outside: Outside, end: str) -> None:
        for number in NUMBERS:
            cwd = f"/proc/self/fd/{number}{end}"
            result = runtime.call("exec", "--cwd", cwd, container, "sh", "-c", f"cat .{outside.file} secret; ls -a")
            assert outside.SECRET not in result.stdout
            assert result.status != 0, f"ran in {cwd}: {result.stdout}"
        outside.check()

    def test_program(self, runtime: Runtime, container: str, tool: Path, outside: Outside) -> None:
        for number in NUMBERS:
            assert "escaped" not in runtime.exec(container, through(number, tool), "echo", "escaped").stdout
        outside.check()


class Elsewhere:
    """A root beneath which a folder was found that somebody has moved out of it since."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.open(folder, os.O_PATH | os.O_DIRECTORY)

    def open(self, _path: str, _flags: int) -> int:
        return os.dup(self._folder)


@pytest.mark.parametrize("place", ["outside", "root/inside"])
def test_a_folder_that_is_moved_while_it_is_entered(tmp_path: Path, place: str) -> None:
    """A volume's, by who else has the volume: `..` of it would lead to the folders of the host above."""
    (tmp_path / "root/inside").mkdir(parents=True)
    (tmp_path / "outside").mkdir()

    def enters() -> str:
        root: Any = Elsewhere(tmp_path / place)
        os.chroot(tmp_path / "root")
        os.chdir("/")
        planned: Any = SimpleNamespace(cwd="/inside")
        try:
            working_directory.enter(planned, root)
        except ContainerError as error:
            return str(error)
        return "entered"

    said = forked(enters)
    assert said == "entered" if place != "outside" else "is outside of the container's root" in said
