"""seccomp(2): load a filter, and ask the kernel what it knows of filters."""

from __future__ import annotations

import _struct
import errno

from pyoci.errors import UnsupportedError
from pyoci.kernel import uapi
from pyoci.kernel.call import SYS, syscall
from pyoci.kernel.deferred import Call, Vector

_PLACE = "/linux/seccomp"
_SET_MODE_FILTER = 1
_GET_ACTION_AVAIL = 2

_FLAGS = uapi.SECCOMP_FILTER_FLAG
_FLAG_NAMES = {flag: name for name, flag in _FLAGS.items()}


def load(program: bytes, flags: int) -> Call:
    """Puts the process that makes it under the filter, for good; `program` is an array of struct sock_filter.

    The result is the notify descriptor (close-on-exec) when `flags` has NEW_LISTENER. Needs no_new_privs or
    CAP_SYS_ADMIN. Raises UnsupportedError for what this kernel cannot load.
    """
    length = len(program) // 8
    if not 0 < length <= uapi.BPF_MAXINSNS or len(program) % 8:
        raise UnsupportedError(
            f"load the seccomp filter: {len(program)} bytes are not 1 to {uapi.BPF_MAXINSNS} instructions;"
            " a profile that is this long must be split or shortened"
        ).at(_PLACE)
    missing = flags & ~supported_flags() if flags else 0
    if missing:
        raise UnsupportedError(
            f"load the seccomp filter: this kernel has no flag {uapi.flag_names(missing, _FLAG_NAMES)}"
        ).at(_PLACE)
    # struct sock_fprog, with the native alignment of its pointer
    header = Vector(head=_struct.pack("H0P", length), strings=[program])
    words = f"load the seccomp filter instructions={length} flags={uapi.flag_names(flags, _FLAG_NAMES)}"
    return Call(name="seccomp", arguments=(_SET_MODE_FILTER, flags, header), words=words, place=_PLACE)


def supported_flags() -> int:
    """The SECCOMP_FILTER_FLAG_* that this kernel takes: with one it knows, it reads the null filter."""
    flags = 0
    for name, flag in _FLAGS.items():
        # alone, this one is refused by every kernel
        needs = _FLAGS["NEW_LISTENER"] if name == "WAIT_KILLABLE_RECV" else 0
        try:
            syscall(SYS["seccomp"], _SET_MODE_FILTER, flag | needs, None)
        except OSError as error:
            if error.errno == errno.EFAULT:
                flags |= flag
    return flags


def has_action(action: int) -> bool:
    """Whether this kernel knows the action (SECCOMP_RET_*); it takes unknown ones for KILL_PROCESS."""
    try:
        syscall(SYS["seccomp"], _GET_ACTION_AVAIL, 0, _struct.pack("=I", action))
    except OSError:
        return False  # EOPNOTSUPP; EINVAL before Linux 4.14, which knows none of the newer actions
    return True
