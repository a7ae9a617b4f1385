"""A seccomp filter around a command, as of a container or a service that it runs in: one call gets an errno."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable

from pyoci.kernel.libseccomp import Library

PR_SET_SECCOMP, SECCOMP_MODE_FILTER, RET_ERRNO, RET_ALLOW = 22, 2, 0x50000, 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def number(call: str) -> int:
    found = Library().number(call)
    assert found is not None, call
    assert found >= 0, f"{call} is not a call of this machine"
    return found


def refusing(call: str, answer: int) -> Callable[[], None]:
    """For `preexec`: the process, and all that come of it, get `answer` for that call."""
    load, if_equal, give = 0x20, 0x15, 0x06
    steps = [
        (load, 0, 0, 0),  # seccomp_data.nr
        (if_equal, 0, 1, number(call)),
        (give, 0, 0, RET_ERRNO | answer),
        (give, 0, 0, RET_ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def install() -> None:
        assert code  # the kernel copies what it points to
        if prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)):
            os._exit(99)

    return install
