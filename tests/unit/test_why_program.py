"""Why a program cannot be executed: worked out from a folder, whose files are hostile."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import elf

from pyoci.errors import ExecutableError
from pyoci.host import advice, why_program
from pyoci.host.rootfs_view import View
from pyoci.host.why_program import Wanted

MODE = 0o755


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    path = tmp_path / "rootfs"
    (path / "bin").mkdir(parents=True)
    (path / "etc").mkdir()
    program(path, "bin/sh", elf.program())
    return path


def program(rootfs: Path, name: str, data: bytes, mode: int = MODE) -> None:
    path = rootfs / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def why(rootfs: Path, *args: str, mounts: list[dict[str, Any]] | None = None, refused: bool = True, **more: Any) -> str:
    wanted: dict[str, Any] = {"args": list(args), "env": ["PATH=/bin"], "cwd": "/", "uid": 0, "gid": 0} | more
    return why_program.why(View(str(rootfs), str(rootfs.parent), mounts or []), Wanted(**wanted), refused=refused)


def test_nothing_is_wrong(rootfs: Path) -> None:
    assert why(rootfs, "/bin/sh") == why(rootfs, "sh") == why(rootfs, "bin/sh") == ""
    program(rootfs, "app", b"#!/bin/sh -e\n")
    assert why(rootfs, "/app") == ""


@pytest.mark.parametrize("name", ["app", "/bin/app"])
@pytest.mark.parametrize("target", ["busybox", "/usr/lib/app", "app"])
def test_a_link_to_nothing(rootfs: Path, name: str, target: str) -> None:
    (rootfs / "bin/app").symlink_to(target)
    words = why(rootfs, name)
    assert (
        words
        == f'/bin/app of the root file system {rootfs} is a symbolic link to "{target}", which leads to no file in it'
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"#!/bin/bash\n", 'asks for the interpreter "/bin/bash", which is not there'),
        (b"#! \t/bin/bash -e\n", 'asks for the interpreter "/bin/bash", which is not there'),
        (b"#!/bin/bash", 'asks for the interpreter "/bin/bash", which is not there'),
        (b"#!/bin/sh\r\necho\r\n", "ends with a carriage return (CRLF"),
        (b"#!/bin/sh -e\r\n", 'a part of "-e\\r"'),
        (b"#!\n", "names no interpreter"),
        (b"#!" + b"x" * 300, "is longer than the 256 bytes that the kernel reads"),
        (b"#!" + b"/x" * 5000 + b"\n", "is longer than the 256 bytes that the kernel reads"),
        (b"#!/etc\n", "/etc is a folder"),
        (b"#!/app\n", "a script whose interpreter is a script, and so on"),
        (b"#!\xff\xfe\n", "asks for the interpreter"),
        (b"", "/app is empty"),
        (b"echo hello\n", "neither an ELF program nor a script"),
        (b"MZ\x90\0", "/app is a program for Windows"),
        (b"\xcf\xfa\xed\xfe\x07", "/app is a program for macOS"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "a text that begins with a byte order mark"),
        (b"\x7fELF", "begins like an ELF program, but is not complete"),
        (b"\x7fELF" + b"\xff" * 4000, "begins like an ELF program, but is not complete"),
        (elf.program(machine=258), "is a program for loongarch64, and this host is"),
        (elf.program(machine=9999), "is a program for machine 9999 of elf.h, and this host is"),
        (elf.program(loader="/lib/ld.so"), 'needs the loader "/lib/ld.so", which is not there'),
    ],
)
def test_a_file_that_is_no_program(rootfs: Path, data: bytes, words: str) -> None:
    program(rootfs, "app", data)
    assert words in why(rootfs, "/app")
    assert words in why(rootfs, "app", env=["PATH=/"])


def test_a_loader_that_is_there(rootfs: Path) -> None:
    program(rootfs, "app", elf.program(loader="/lib/ld.so"))
    program(rootfs, "lib/ld.so", elf.program())
    assert why(rootfs, "/app") == ""


def test_an_interpreter_that_lacks_its_loader(rootfs: Path) -> None:
    program(rootfs, "app", b"#!/bin/bash\n")
    program(rootfs, "bin/bash", elf.program(loader="/lib/ld.so"))
    assert '/bin/bash needs the loader "/lib/ld.so"' in why(rootfs, "/app")


@pytest.mark.parametrize("mode", [0o644, 0o600, 0])
def test_no_execute_bit(rootfs: Path, mode: int) -> None:
    program(rootfs, "app", elf.program(), mode)
    assert f"the mode of /app is {mode:04o}, without an execute bit" in why(rootfs, "/app")


def test_an_execute_bit_for_others(rootfs: Path) -> None:
    program(rootfs, "app", elf.program(), 0o700)
    assert why(rootfs, "/app") == ""  # of root
    words = why(rootfs, "/app", uid=1000, gid=1000)
    assert "the mode of /app is 0700" in words and f"owner on the host is {os.getuid()}:{os.getgid()}" in words
    assert "1000:1000" in words
    assert why(rootfs, "/app", uid=1000, refused=False) == ""  # it may be the owner, once mapped


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["/bin/hs"], "has no such file; did you mean /bin/sh?"),
        (["hs"], "has none in /bin; did you mean sh?"),
        (["/nothing/here/sh"], "has no folder /nothing/here"),
        (["echo hi there"], 'a list with one word in each string: write ["echo","hi","there"]'),
        (["/bin/sh -c", "echo hi"], 'write ["/bin/sh","-c","echo hi"]'),
        (["cd", "/tmp"], 'cd is a word of the shell: write ["sh","-c","cd /tmp"]'),
        (["/bin"], "/bin is a folder"),
        (["./app"], "has no such file"),
        ([""], "/process/args/0 is empty"),
    ],
)
def test_what_is_not_there(rootfs: Path, args: list[str], words: str) -> None:
    assert words in why(rootfs, *args)


def test_a_folder_that_path_does_not_name(rootfs: Path) -> None:
    program(rootfs, "usr/local/bin/app", elf.program())
    assert why(rootfs, "app") == '/usr/local/bin/app is there, and PATH in /process/env is "/bin"'


def test_no_path(rootfs: Path) -> None:
    assert "/process/env has no PATH" in why(rootfs, "app", env=[])


def test_an_empty_rootfs(tmp_path: Path) -> None:
    path = tmp_path / "rootfs"
    for name in ("proc", "dev"):  # that is what a `create` that failed has left
        (path / name).mkdir(parents=True)
    mounts = [{"destination": "/proc", "type": "proc", "source": "proc"}]
    assert f"{path} is empty" in why(path, "/bin/sh", mounts=mounts)


def test_a_rootfs_that_is_too_deep(rootfs: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    rootfs.rename(outer / "alpine")
    assert f'{outer} holds only "alpine": set /root/path to {outer}/alpine' in why(outer, "/bin/sh")


class TestMounts:
    def test_a_bind_mount_is_looked_into(self, rootfs: Path, tmp_path: Path) -> None:
        program(tmp_path, "source/app", b"#!/bin/bash\n")
        mounts = [{"destination": "/opt", "source": "source", "options": ["rbind"]}]
        assert 'the interpreter "/bin/bash"' in why(rootfs, "/opt/app", mounts=mounts)
        (rootfs / "link").symlink_to("/opt/app")
        assert 'the interpreter "/bin/bash"' in why(rootfs, "/link", mounts=mounts)
        mounts[0]["source"] = str(tmp_path / "source")
        assert 'the interpreter "/bin/bash"' in why(rootfs, "/opt/app", mounts=mounts)

    def test_a_bind_mount_of_a_file(self, rootfs: Path, tmp_path: Path) -> None:
        program(tmp_path, "tool", b"")
        mounts = [{"destination": "/bin/tool", "source": str(tmp_path / "tool"), "type": "bind"}]
        assert why(rootfs, "tool", mounts=mounts) == "/bin/tool is empty"

    @pytest.mark.parametrize("place", ["/", "/bin", "/usr"])
    def test_nothing_is_said_of_what_cannot_be_seen(self, rootfs: Path, place: str) -> None:
        mounts = [{"destination": place, "type": "tmpfs", "source": "tmpfs"}]
        assert why(rootfs, f"{place}/nothing", mounts=mounts) == ""

    def test_a_later_mount_lies_on_top(self, rootfs: Path, tmp_path: Path) -> None:
        program(tmp_path, "source/bin/app", b"")
        mounts = [
            {"destination": "/opt/bin", "type": "tmpfs"},
            {"destination": "/opt/", "source": "source", "type": "bind"},
        ]
        assert why(rootfs, "/opt/bin/app", mounts=mounts) == "/opt/bin/app is empty"
        assert why(rootfs, "/opt/bin/app", mounts=mounts[::-1]) == ""


class TestHostileFiles:
    """What the container has put there: it takes no time, and the host's files are not looked at."""

    def test_a_fifo(self, rootfs: Path) -> None:
        os.mkfifo(rootfs / "app")
        assert why(rootfs, "/app") == "/app is not a regular file"

    def test_an_interpreter_that_is_a_fifo(self, rootfs: Path) -> None:
        os.mkfifo(rootfs / "fifo")
        program(rootfs, "app", b"#!/fifo\n")
        assert why(rootfs, "/app") == "/fifo is not a regular file"

    def test_links_in_a_circle(self, rootfs: Path) -> None:
        (rootfs / "a").symlink_to("b")
        (rootfs / "b").symlink_to("a")
        assert 'is a symbolic link to "b", which leads to no file in it' in why(rootfs, "/a")

    @pytest.mark.parametrize("target", [sys.executable, f"../../../../../..{sys.executable}"])
    def test_links_stay_inside(self, rootfs: Path, target: str) -> None:
        (rootfs / "bin/python").symlink_to(target)
        assert why(rootfs, "/bin/python") != ""

    def test_magic_links_are_not_followed(self, rootfs: Path) -> None:
        mounts = [{"destination": "/proc", "source": "/proc", "options": ["rbind"]}]
        for path in (f"/proc/{os.getpid()}/root/bin/nothing", "/proc/self/exe", "/proc/self/fd/nothing"):
            assert why(rootfs, path, mounts=mounts) == ""

    @pytest.mark.parametrize("at", [32, 54, 56])  # e_phoff, e_phentsize, e_phnum
    @pytest.mark.parametrize("value", [b"\xff\xff", b"\0\0", b"\x01\0"])
    def test_headers_that_lie(self, rootfs: Path, at: int, value: bytes) -> None:
        data = bytearray(elf.program(loader="/lib/ld.so"))
        data[at : at + 2] = value
        program(rootfs, "app", bytes(data))
        assert len(why(rootfs, "/app")) < 1000

    def test_thousands_of_names_that_are_alike(self, rootfs: Path) -> None:
        for number in range(3000):
            (rootfs / f"bin/{'x' * 30}{number:09}y").touch()
        began = time.process_time()
        assert "has no" in why(rootfs, f"/bin/{'x' * 30}{'z' * 10}") + why(rootfs, "x" * 40)
        assert time.process_time() - began < 2

    def test_a_loader_of_any_length(self, rootfs: Path) -> None:
        program(rootfs, "app", elf.program(loader="/" + "x" * 100_000))
        assert len(why(rootfs, "/app")) < 1000

    def test_a_loader_with_control_characters(self, rootfs: Path) -> None:
        program(rootfs, "app", elf.program(loader="/lib/\x1b[31m\n"))
        assert why(rootfs, "/app").isprintable()


def test_trouble_with_the_lead_leaves_the_error_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise RecursionError

    monkeypatch.setattr(advice, "_why_program", broken)
    error = ExecutableError("exec /bin/x: no such file or directory")
    advice.of_create(error, b"{}", "/bundle", "/bundle/rootfs")
    assert str(error) == "exec /bin/x: no such file or directory"
