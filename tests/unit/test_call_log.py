"""--debug: calls by name, with their arguments and flags by name."""

from __future__ import annotations

import builtins
import errno
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyoci.kernel import beneath, call, call_log, mount, namespace, signals, uapi

LINES: list[str] = []


def posix_of(module: object) -> Any:
    return getattr(module, "posix")  # noqa: B009  # mypy: the name is the module's own


@pytest.fixture(autouse=True)
def plain_again() -> Iterator[None]:
    """What `install` replaces in this process is put back."""
    LINES.clear()
    yield
    builtins.__import__ = call_log._import
    call.log = None
    for module in list(sys.modules.values()):
        for name, plain, traced in call_log._MAKERS:
            if getattr(module, "__name__", "").startswith(call_log._PLACES) and getattr(module, name, None) is traced:
                setattr(module, name, plain)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("unshare", (uapi.CLONE_NEWNS | uapi.CLONE_NEWPID,), "unshare(flags=CLONE_NEWNS|CLONE_NEWPID)"),
        ("setns", (5, uapi.CLONE_NEWNET), "setns(fd=5, nstype=CLONE_NEWNET)"),
        (
            "move_mount",
            (4, b"\0", uapi.AT_FDCWD, b"/a\0", uapi.MOVE_MOUNT_F_EMPTY_PATH),
            "move_mount(from_dirfd=4, from_path='', to_dirfd=AT_FDCWD, to_path='/a', flags=MOVE_MOUNT_F_EMPTY_PATH)",
        ),
        (
            "mount_setattr",
            (4, b"\0", uapi.AT_EMPTY_PATH, struct.pack("=QQQQ", uapi.MOUNT_ATTR_RDONLY, 0, uapi.MS_PRIVATE, 0), 32),
            "mount_setattr(dirfd=4, path='', flags=AT_EMPTY_PATH, "
            "attr={set=MOUNT_ATTR_RDONLY clear=0 propagation=MS_PRIVATE userns_fd=0}, size=32)",
        ),
        ("prctl", (uapi.PR_SET_NO_NEW_PRIVS, 1), "prctl(option=PR_SET_NO_NEW_PRIVS, arg2=1)"),
        ("umount2", (b"/a\0", 1 << 20), "umount2(target='/a', flags=0x100000)"),
        (
            "fsconfig",
            (3, uapi.FSCONFIG_SET_STRING, b"size\0", b"1m\0", 0),
            "fsconfig(fd=3, cmd=FSCONFIG_SET_STRING, key='size', value='1m', aux=0)",
        ),
        ("keyctl", (1, None, b"\x01\x02"), "keyctl(operation=1, arg2=NULL, arg3=<2 bytes>)"),
        ("strange", (1,), "strange(arg1=1)"),
    ],
)
def test_words(name: str, arguments: tuple[int | bytes, ...], words: str) -> None:
    assert call_log.described(name, arguments) == words


def test_every_call_of_ours_has_names_for_its_arguments() -> None:
    unnamed = set(call.SYS) - set(call_log._ARGUMENTS) - {"bpf", "close", "execve", "fstatfs", "getcwd", "getpid"}
    assert unnamed <= {"getppid", "setsid"}, f"{unnamed}: into _ARGUMENTS of kernel/call_log.py"


def test_what_is_made_is_told_with_its_end(tmp_path: Path) -> None:
    call_log.install(LINES.append)
    fd = posix_of(beneath).open(str(tmp_path), os.O_PATH)
    root = beneath.Root(fd)
    with pytest.raises(Exception, match="no such file"):
        root.open("missing")
    posix_of(beneath).close(fd)
    assert LINES[0].startswith(f"open(path='{tmp_path}', flags=") and LINES[0].endswith(f"= {fd}")
    assert any(
        "openat2(" in line and "RESOLVE_IN_ROOT" in line and line.endswith("= -1 ENOENT (no such file or directory)")
        for line in LINES
    )
    assert LINES[-1] == f"close(fd={fd})"


def test_errors_go_on_as_they_are() -> None:
    call_log.install(LINES.append)
    with pytest.raises(Exception) as raised:
        namespace.join(-1, uapi.CLONE_NEWNET, "network")
    assert getattr(raised.value, "errno", 0) == errno.EBADF
    assert "setns(fd=-1, nstype=CLONE_NEWNET) = -1 EBADF (bad file descriptor)" in LINES


def test_whoever_listens_may_fail() -> None:
    def fail(_words: str) -> None:
        raise OSError(errno.EPIPE, "")

    call_log.install(fail)
    assert posix_of(mount).getcwd() == os.getcwd()
    assert call.log is None, "and is asked no more"


def test_a_signal_keeps_its_name() -> None:
    call_log.install(LINES.append)
    assert signals.name(9) == "SIGKILL"
