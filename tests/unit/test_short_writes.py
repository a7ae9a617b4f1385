"""write(2) may take a part of a value and call that a success: what cannot be applied whole is an error."""

from __future__ import annotations

import errno
import os
import posix
import socket
import threading
from pathlib import Path

import pytest

from pyoci.cgroups import files
from pyoci.errors import SyscallError
from pyoci.host import image_folder
from pyoci.kernel import procfs, write_all


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write takes all but the last byte."""
    write = posix.write
    monkeypatch.setattr(posix, "write", lambda fd, data: write(fd, data[:-1]))


@pytest.mark.usefixtures("cut")
def test_a_file_of_a_cgroup(tmp_path: Path) -> None:
    (tmp_path / "io.max").touch()
    with pytest.raises(OSError) as caught:
        files.write_raw(str(tmp_path / "io.max"), "8:0 rbps=1")
    assert caught.value.errno == errno.E2BIG


@pytest.mark.usefixtures("cut")
def test_a_file_of_procfs(tmp_path: Path) -> None:
    with pytest.raises(SyscallError, match=r"write '100 200' to /proc/sys/kernel/msgmax: invalid argument \(EINVAL\)"):
        procfs._write(os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT), "/proc/sys/kernel/msgmax", "100 200")


@pytest.mark.parametrize("data", [b"", b"a", b"a" * 1_000_000])
def test_all_is_written_to_a_reader_who_is_slow(data: bytes) -> None:
    reader, writer = socket.socketpair()
    arrived = []

    def read() -> None:
        while part := reader.recv(4096):
            arrived.append(part)

    thread = threading.Thread(target=read)
    thread.start()
    write_all(writer.fileno(), data)
    writer.close()
    thread.join()
    reader.close()
    assert b"".join(arrived) == data


def test_each_part_is_written_once_and_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = posix.write
    monkeypatch.setattr(posix, "write", lambda fd, data: write(fd, data[:3]))
    with (tmp_path / "file").open("wb") as file:
        write_all(file.fileno(), b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_an_error_after_the_first_part_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    written = iter([2, 3])

    def write(_fd: int, _data: bytes) -> int:
        for number in written:
            return number
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(posix, "write", write)
    with pytest.raises(OSError) as caught:
        write_all(-1, b"0123456789")
    assert caught.value.errno == errno.ENOSPC


def test_a_file_of_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """descriptors.json: here the rest is written, too."""
    write = posix.write
    monkeypatch.setattr(posix, "write", lambda fd, data: write(fd, data[:1]))
    folder = image_folder.open(str(tmp_path), "image folder")
    folder.write("descriptors.json", b'["/dev/null"]')
    folder.close()
    assert (tmp_path / "descriptors.json").read_bytes() == b'["/dev/null"]'


@pytest.mark.parametrize(
    "write", [files.write_raw, lambda path, text: procfs._write(os.open(path, os.O_WRONLY), "", text)]
)
def test_an_empty_value_reaches_the_kernel(tmp_path: Path, write: object) -> None:
    (tmp_path / "file").touch()
    write(str(tmp_path / "file"), "")  # type: ignore[operator]
    assert (tmp_path / "file").read_text() == "\n"
