"""A number whose process is gone, as pidfd_open(2) tells it in each case and version."""

from __future__ import annotations

import errno
import os
import posix

import pytest

from pyoci.errors import SyscallError
from pyoci.kernel import pidfd, proc_stat


@pytest.mark.parametrize("number", [errno.ESRCH, errno.EINVAL, errno.ENOENT])
def test_it_has_exited(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(_pid: int) -> int:
        raise OSError(number, "")

    monkeypatch.setattr(posix, "pidfd_open", refuse)
    assert pidfd.open(7, 1) is None


def test_another_error_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int) -> int:
        raise OSError(errno.EMFILE, "")

    monkeypatch.setattr(posix, "pidfd_open", refuse)
    with pytest.raises(SyscallError, match="pidfd_open 7"):
        pidfd.open(7, 1)


def test_the_leader_of_a_session_that_lives_on() -> None:
    """The number stays its session's: the kernel says neither that there is a process, nor that there is none."""
    reader, writer = os.pipe()
    told, tell = os.pipe()
    leader = os.fork()
    if leader == 0:
        os.setsid()
        os.write(tell, b"%d\n" % proc_stat.start_time(os.getpid()))
        if os.fork() == 0:
            os.close(writer)
            os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    start = int(os.read(told, 32))
    os.waitpid(leader, 0)
    try:
        assert pidfd.open(leader, start) is None
    finally:
        for fd in (writer, told, tell):
            os.close(fd)
