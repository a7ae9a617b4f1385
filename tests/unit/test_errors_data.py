"""Errors between processes: what one raises, another can raise again, by class, words and fields."""

from __future__ import annotations

import copy
import errno
import json
import os
import pickle
import posix
from collections.abc import Callable
from pathlib import Path

import pytest

from pyoci import errors, log
from pyoci.cli import main
from pyoci.host import advice
from pyoci.library.outcome import Exit, Finished, OutputLimit, ProgramFailed, Timeout
from pyoci.wire import messages


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


OF_THE_LIBRARY = [
    ProgramFailed(Finished(args=["sh"], exit=Exit(code=3), stdout="out", stderr="err")),
    Timeout("too long", b"some", b""),
    OutputLimit("too much", "some"),
]


@pytest.mark.parametrize(
    "again",
    [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy],  # noqa: S301  # our own bytes
)
@pytest.mark.parametrize("error", [*map(made, family()), *OF_THE_LIBRARY], ids=lambda error: type(error).__name__)
def test_pickled_and_copied_it_is_the_same(
    error: errors.PyociError, again: Callable[[errors.PyociError], errors.PyociError]
) -> None:
    """concurrent.futures.ProcessPoolExecutor carries errors over so."""
    error.lead_on("what to do")
    error.add_note("a note")
    back = again(error)
    assert type(back) is type(error)
    assert (str(back), repr(back), back.args, vars(back)) == (str(error), repr(error), error.args, vars(error))


def test_repr_has_the_words() -> None:
    assert repr(errors.SyscallError(errno.ENOSPC, "write /x")).startswith("SyscallError('write /x: no space left")


def test_failed_program_is_like_subprocess_called_process_error() -> None:
    finished = Finished(args=["sh"], exit=Exit(signal=9), stdout=b"out", stderr=b"err")
    with pytest.raises(ProgramFailed) as caught:
        finished.check()
    error = caught.value
    assert (error.cmd, error.returncode, error.stdout, error.stderr) == (["sh"], -9, b"out", b"err")


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


PLACES = ["", "/process/cwd", "/linux/sysctl/net.ipv4.ip_forward", "--console-socket"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", [0, errno.ENOENT])
def test_errno_and_place_cross_from_one_side_to_the_other(number: int, place: str) -> None:
    for error in errors.SyscallError(number, "a call"), errors.HookError("words"):
        with pytest.raises(errors.PyociError) as caught:
            messages.raise_reported(messages.report(error.at(place)))
        assert (str(caught.value), caught.value.errno, caught.value.place) == (str(error), error.errno, place)


def test_a_refused_call_of_c_has_its_place() -> None:
    with pytest.raises(errors.ContainerError) as caught:
        messages.raise_reported("call||/process/rlimits set RLIMIT_CORE soft=1 hard=2 1")
    assert (caught.value.errno, caught.value.place) == (errno.EPERM, "/process/rlimits")
    assert str(caught.value).startswith("set RLIMIT_CORE soft=1 hard=2: operation not permitted (EPERM)")


@pytest.mark.parametrize("text", ["error|x|y words", "error|99999| words", f"error|1|{'/' * 9000} words", "|| words"])
def test_what_a_hostile_side_sends_is_bounded(text: str) -> None:
    with pytest.raises(errors.ContainerError) as caught:
        messages.raise_reported(text)
    assert (str(caught.value), len(caught.value.place) <= 300, caught.value.errno in (0, 1)) == ("words", True, True)


def test_an_error_keeps_the_first_place() -> None:
    assert errors.StateError("x").at("/a").at("/b").place == "/a"


def test_each_place_that_advice_knows_is_that_of_an_error() -> None:
    folder = Path(errors.__file__).parent
    sources = "".join(file.read_text() for file in folder.rglob("*.py") if file.name != "advice.py")
    of_cgroups = {place for place in advice._JUDGES if place.startswith("/linux/resources/cpu/")}  # Write.name
    assert [place for place in {*advice._JUDGES} - of_cgroups if f'"{place}' not in sources] == []


def test_advice_does_not_look_at_the_words() -> None:
    error = errors.SyscallError(errno.ENOENT, "other words").at("/root/path")
    advice.of_create(error, b'{"root": {"path": "~/x"}}', "/bundle", "/bundle/~/x")
    assert '; /root/path of config.json is "~/x", a path below the bundle; ~ is the shell' in str(error)


@pytest.mark.parametrize(
    ("kind", "number", "is_led_on"),
    [
        ("createRuntime", errno.ENOEXEC, True),
        ("createRuntime", 0, False),  # it ran, and failed
        ("startContainer", errno.ENOEXEC, False),  # its path is the container's
    ],
)
def test_advice_about_a_hook_is_by_its_place(tmp_path: Path, kind: str, number: int, is_led_on: bool) -> None:
    (tmp_path / "hook").write_text("")
    (tmp_path / "hook").chmod(0o755)
    hooks = {"hooks": {kind: [{"path": "/bin/true"}, {"path": f"{tmp_path}/hook"}]}}
    error = errors.HookError("other words").at(f"/hooks/{kind}/1")
    error.errno = number
    advice.of_create(error, json.dumps(hooks).encode(), "/bundle", "/rootfs")
    assert str(error) == f"other words; {tmp_path}/hook is empty" if is_led_on else "other words"


@pytest.mark.parametrize(
    ("source", "destination", "words"),
    [
        ("folder", "/folder", ""),
        ("folder", "/file", "folder is a folder, and /file in the container is a file: both must be the same"),
        ("file", "/folder", "file is a file, and /folder in the container is a folder: both must be the same"),
        ("folder", "/file/x", "/file/x in the container is below a file"),
        ("file", "/file/x", "/file/x in the container is below a file"),
        ("file", "/tmp/x", "file is a file: /tmp/x in the container must be one, too"),
        ("missing", "/file", ""),
    ],
)
def test_advice_about_a_bind_mount_looks_at_the_files(
    tmp_path: Path, source: str, destination: str, words: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    mounts = [
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
        {"destination": destination, "type": "bind", "source": f"{tmp_path}/{source}"},
    ]
    error = errors.SyscallError(errno.ENOTDIR, "a call").at("/mounts/1")
    advice.of_create(error, json.dumps({"mounts": mounts}).encode(), str(tmp_path), str(tmp_path))
    assert str(error).replace(f"{tmp_path}/", "") == f"a call: not a directory (ENOTDIR){'; ' if words else ''}{words}"
