"""A seccomp filter around a command, as of a container or a service that it runs in: one call gets an errno."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Callable

from pyoci.kernel import uapi
from pyoci.kernel.libseccomp import Library

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, RET_ERRNO, RET_ALLOW = 38, 22, 2, 0x50000, 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def number(call: str) -> int:
    found = Library().number(call)
    assert found is not None, call
    assert found >= 0, f"{call} is not a call of this machine"
    return found


def before_linux_6_18() -> Callable[[], None]:
    """For `preexec`: fsconfig(2) takes no descriptor, and so no `pidns` of a procfs."""
    return refusing("fsconfig", errno.EINVAL, argument=(1, uapi.FSCONFIG_SET_FD))


def refusing(call: str, answer: int, argument: tuple[int, int] | None = None) -> Callable[[], None]:
    """For `preexec`: the process, and all that come of it, get `answer` for that call.

    `argument`: its number, from 0, and the value that it has in the calls which are refused.
    """
    load, if_equal, give = 0x20, 0x15, 0x06
    place, value = argument if argument is not None else (0, 0)
    steps = [
        (load, 0, 0, 0),  # seccomp_data.nr
        (if_equal, 0, 1 if argument is None else 3, number(call)),
        *([(load, 0, 0, 16 + 8 * place), (if_equal, 0, 1, value)] if argument is not None else []),
        (give, 0, 0, RET_ERRNO | answer),
        (give, 0, 0, RET_ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def install() -> None:
        assert code  # the kernel copies what it points to
        if os.geteuid() != 0:
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)):
            os._exit(99)

    return install
