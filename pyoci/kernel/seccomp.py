"""seccomp(2): load a filter, and ask the kernel what it knows of filters."""

from __future__ import annotations

import _struct
import errno

from pyoci.errors import UnsupportedError
from pyoci.kernel.call import SYS, syscall
from pyoci.kernel.deferred import Call, Vector

_SET_MODE_FILTER = 1
_GET_ACTION_AVAIL = 2
_MAX_INSTRUCTIONS = 4096  # BPF_MAXINSNS

FLAG_TSYNC = 1 << 0
FLAG_LOG = 1 << 1
FLAG_SPEC_ALLOW = 1 << 2
FLAG_NEW_LISTENER = 1 << 3
FLAG_TSYNC_ESRCH = 1 << 4
FLAG_WAIT_KILLABLE_RECV = 1 << 5

_FLAG_NAMES = {
    FLAG_TSYNC: "TSYNC",
    FLAG_LOG: "LOG",
    FLAG_SPEC_ALLOW: "SPEC_ALLOW",
    FLAG_NEW_LISTENER: "NEW_LISTENER",
    FLAG_TSYNC_ESRCH: "TSYNC_ESRCH",
    FLAG_WAIT_KILLABLE_RECV: "WAIT_KILLABLE_RECV",
}


def load(program: bytes, flags: int) -> Call:
    """Puts the process that makes it under the filter, for good; `program` is an array of struct sock_filter.

    The result is the notify descriptor (close-on-exec) when `flags` has FLAG_NEW_LISTENER. Needs no_new_privs or
    CAP_SYS_ADMIN. Raises UnsupportedError for what this kernel cannot load.
    """
    length = len(program) // 8
    if not 0 < length <= _MAX_INSTRUCTIONS or len(program) % 8:
        raise UnsupportedError(
            f"load the seccomp filter: {len(program)} bytes are not 1 to {_MAX_INSTRUCTIONS} instructions;"
            " a profile that is this long must be split or shortened"
        )
    missing = flags & ~supported_flags() if flags else 0
    if missing:
        raise UnsupportedError(f"load the seccomp filter: this kernel has no flag {_flag_words(missing)}")
    # struct sock_fprog, with the native alignment of its pointer
    header = Vector(head=_struct.pack("H0P", length), strings=[program])
    words = f"load the seccomp filter instructions={length} flags={_flag_words(flags)}"
    return Call(name="seccomp", arguments=(_SET_MODE_FILTER, flags, header), words=words)


def _flag_words(flags: int) -> str:
    return "|".join(name for bit, name in _FLAG_NAMES.items() if flags & bit) or "0"


def supported_flags() -> int:
    """The SECCOMP_FILTER_FLAG_* that this kernel takes: with one it knows, it reads the null filter."""
    flags = 0
    for flag in _FLAG_NAMES:
        # alone, this one is refused by every kernel
        needs = FLAG_NEW_LISTENER if flag == FLAG_WAIT_KILLABLE_RECV else 0
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
