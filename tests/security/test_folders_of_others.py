"""root names paths in folders of another user, who makes links there, or containers of his own in the state root."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime

pytestmark = pytest.mark.beyond_runc("runc follows the links, and runs the hooks of the other user's containers")

OTHER = 1000


@pytest.fixture
def theirs(scratch: Path) -> Path:
    """A folder of the other user."""
    folder = scratch / "of-another"
    folder.mkdir()
    os.chown(folder, OTHER, OTHER)
    return folder


def link(path: Path, target: str | Path, owner: int = OTHER) -> Path:
    path.symlink_to(target)
    os.chown(path, owner, owner, follow_symlinks=False)
    return path


@pytest.fixture
def victim(scratch: Path) -> Path:
    file = scratch / "of-root"
    file.write_text("as it was\n")
    return file


ACTING = [
    ["start", "ID"], ["exec", "ID", "/bin/true"], ["kill", "ID", "KILL"], ["kill", "--all", "ID", "KILL"],
    ["pause", "ID"], ["resume", "ID"], ["update", "--pids-limit", "9", "ID"], ["events", "--stats", "ID"], ["ps", "ID"],
    ["mounts", "add", "ID", "type=tmpfs,destination=/mnt"], ["checkpoint", "ID"], ["delete", "ID"],
    ["delete", "--force", "ID"],
]  # fmt: skip


@pytest.mark.parametrize("how", ["owner", "mode"])
def test_a_container_of_another_user(runtime: Runtime, bundle: Bundle, scratch: Path, how: str) -> None:
    """Its record names hooks, a process and a cgroup: all is as its author wrote it."""
    bundle.sleeps()
    bundle.config["hooks"] = {"poststop": [{"path": "/bin/touch", "args": ["touch", str(scratch / "hooked")]}]}
    container = runtime.create(bundle)
    entry = runtime.root / container.id
    if how == "owner":
        os.chown(entry, OTHER, OTHER)
    else:
        entry.chmod(0o777)
    why = f"it belongs to user {OTHER}" if how == "owner" else "others may write to it (mode 0777)"
    try:
        for command in ACTING:
            words = runtime.fails(*(container.id if word == "ID" else word for word in command))
            assert why in words and str(entry) in words, command
        assert container.status == "created"
        assert json.loads(runtime.expect("list", "--format", "json").stdout)[0]["id"] == container.id
        assert container.id in runtime.expect("top", "--once").stdout
    finally:
        os.chown(entry, 0, 0)
        entry.chmod(0o700)
    container.delete("--force")
    assert (scratch / "hooked").exists()


def test_an_entry_that_is_exchanged_while_it_is_made(runtime: Runtime, bundle: Bundle) -> None:
    """A killed `create` of the other user has left what root's would take."""
    name = runtime.add(bundle)
    runtime.root.mkdir(exist_ok=True)
    left = runtime.root / f"@{name}"
    left.mkdir(mode=0o700)
    os.chown(left, OTHER, OTHER)
    words = runtime.fails("create", "--bundle", str(bundle.path), name)
    assert f"{left} belongs to another user" in words
    left.rmdir()


class TestPidFile:
    def create(self, runtime: Runtime, bundle: Bundle, pid_file: Path) -> Container:
        bundle.sleeps()
        return runtime.create(bundle, "--pid-file", str(pid_file))

    @pytest.mark.parametrize("owner", [OTHER, 0])
    def test_a_link_to_a_device(
        self, runtime: Runtime, bundle: Bundle, scratch: Path, theirs: Path, owner: int
    ) -> None:
        """It could as well be the disk. (In a folder of his the other user may have moved root's link there.)"""
        device = scratch / "full"
        os.mknod(device, 0o020666, os.makedev(1, 7))
        path = link(theirs / "pid", device, owner)
        container = self.create(runtime, bundle, path)
        assert not path.is_symlink()
        assert path.read_text() == str(container.pid)

    def test_a_link_to_a_file(self, runtime: Runtime, bundle: Bundle, theirs: Path, victim: Path) -> None:
        path = link(theirs / "pid", victim)
        container = self.create(runtime, bundle, path)
        assert path.read_text() == str(container.pid)
        assert victim.read_text() == "as it was\n"

    def test_a_link_of_the_caller_to_a_device(self, runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
        path = link(scratch / "pid", "/dev/null", 0)
        self.create(runtime, bundle, path)
        assert path.is_symlink()


WRITTEN = {"log": "--log", "trace": "--trace"}


@pytest.mark.parametrize("option", WRITTEN.values())
class TestWritten:
    def test_a_link(self, runtime: Runtime, theirs: Path, victim: Path, option: str) -> None:
        path = link(theirs / "file", victim)
        words = runtime.fails("list", options=[option, str(path)])
        assert f"it is a link that user {OTHER} can make lead elsewhere" in words and str(path) in words
        assert victim.read_text() == "as it was\n"

    def test_a_link_of_root_in_that_folder(self, runtime: Runtime, theirs: Path, victim: Path, option: str) -> None:
        path = link(theirs / "file", victim, 0)
        assert f"user {OTHER} can make lead elsewhere" in runtime.fails("list", options=[option, str(path)])
        assert victim.read_text() == "as it was\n"

    def test_a_link_that_leads_to_that_link(
        self, runtime: Runtime, scratch: Path, theirs: Path, victim: Path, option: str
    ) -> None:
        link(theirs / "file", victim)
        path = link(scratch / "first", "of-another/file", 0)
        assert f"user {OTHER} can make lead elsewhere" in runtime.fails("list", options=[option, str(path)])
        assert victim.read_text() == "as it was\n"

    def test_a_link_to_nothing(self, runtime: Runtime, scratch: Path, theirs: Path, option: str) -> None:
        path = link(theirs / "file", scratch / "new")
        runtime.fails("list", options=[option, str(path)])
        assert not (scratch / "new").exists()

    def test_links_of_root(self, runtime: Runtime, scratch: Path, option: str) -> None:
        link(scratch / "second", "file", 0)
        path = link(scratch / "first", scratch / "second", 0)
        runtime.call("state", "not-there", options=[option, str(path)])
        assert (scratch / "file").read_text()

    @pytest.mark.parametrize("stream", ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"])
    def test_a_standard_stream(self, runtime: Runtime, option: str, stream: str) -> None:
        runtime.root.mkdir()
        result = runtime.call("list", options=[option, stream])
        assert result.status == 0, result.stderr

    def test_a_file_in_that_folder(self, runtime: Runtime, theirs: Path, option: str) -> None:
        runtime.call("state", "not-there", options=[option, str(theirs / "new")])
        assert (theirs / "new").read_text()


def console(bundle: Bundle) -> list[str]:
    bundle.process["terminal"] = True
    return ["--console-socket"]


def pidfd(_: Bundle) -> list[str]:
    return ["--pidfd-socket"]


@pytest.mark.parametrize("option", [console, pidfd])
def test_a_socket(
    runtime: Runtime, bundle: Bundle, scratch: Path, theirs: Path, option: Callable[[Bundle], list[str]]
) -> None:
    """A link would let him choose the program that is talked to, as root."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(scratch / "of-root.sock"))
        listener.listen()
        listener.setblocking(False)
        path = link(theirs / "socket", scratch / "of-root.sock")
        words = runtime.refuses(bundle, *option(bundle), str(path))
        assert f"user {OTHER} can make lead elsewhere" in words
        with pytest.raises(BlockingIOError):
            listener.accept()
