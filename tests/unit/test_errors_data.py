"""Errors between processes: what one raises, another can raise again, by class, words and fields."""

from __future__ import annotations

import errno
import json
import os
import posix
from pathlib import Path

import pytest

from pyoci import errors, log
from pyoci.cli import main


def family() -> list[type[errors.PyociError]]:
    found = [errors.PyociError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == "pyoci.errors"]


def made(kind: type[errors.PyociError]) -> errors.PyociError:
    if kind is errors.SyscallError:
        return errors.SyscallError(errno.ENOSPC, "write /x")
    if kind is errors.ConfigError:
        return errors.ConfigError(["/a: found 1", "/b: found 2"])
    return kind("some-words")


@pytest.mark.parametrize("kind", family())
def test_every_error_comes_back_as_it_was(kind: type[errors.PyociError]) -> None:
    error = made(kind)
    back = errors.from_data(json.loads(json.dumps(errors.to_data(error))))
    assert type(back) is kind
    assert str(back) == str(error)
    assert vars(back) == vars(error)


@pytest.mark.parametrize("kind", ["NoSuchError", "DOES_NOT_EXIST", "to_data", "", "TYPE_CHECKING"])
def test_a_kind_of_another_version_is_the_base(kind: str) -> None:
    back = errors.from_data({"kind": kind, "message": "words"})
    assert type(back) is errors.PyociError
    assert str(back) == "words"


def test_an_exit_status_does_not_travel() -> None:
    error = errors.StateError("x")
    error.exit_status = 255
    assert errors.from_data(errors.to_data(error)).exit_status == 1


def test_an_entry_of_the_log_names_the_kind(tmp_path: Path) -> None:
    file = tmp_path / "log"
    assert main.main(["--root", str(tmp_path), "--log", str(file), "--log-format", "json", "state", "nobody"]) == 1
    os.close(log._sink.fd or -1)
    log._sink.fd = None
    log.setup(None)
    entry = json.loads(file.read_text().splitlines()[-1])
    assert (entry["level"], entry["kind"], entry["fields"]) == (
        "error",
        "ContainerNotFound",
        {"container_id": "nobody"},
    )
    assert entry["msg"] == "container does not exist: 'nobody'"


@pytest.mark.parametrize(
    ("release", "number", "is_named"),
    [
        ("5.10.0-32-amd64", errno.ENOSYS, True),
        ("5.10.0-32-amd64", errno.EINVAL, True),  # a flag that it does not know
        ("5.10.0-32-amd64", errno.ENOENT, False),
        ("4.18.0-553.el8_10.x86_64", errno.ENOSYS, True),
        ("5.11-custom", errno.ENOSYS, True),
        ("5.12.0", errno.ENOSYS, False),
        ("5.15.0-91-generic", errno.EINVAL, False),
        ("6.1.0", errno.ENOSYS, False),
        ("odd", errno.ENOSYS, False),
    ],
)
def test_an_old_kernel_is_named_where_it_lacks_something(
    release: str, number: int, is_named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = list(posix.uname())
    names[2] = release
    monkeypatch.setattr(posix, "uname", lambda: posix.uname_result(names))
    words = errors.reason(number)
    assert words.startswith(posix.strerror(number).lower())
    assert words.endswith(f"; pyoci needs Linux 5.15, and this is {release}") == is_named
