"""The five capability sets: capset(2), the bounding and ambient sets (capabilities(7)).

python-prctl knows neither the ambient set nor CAP_CHECKPOINT_RESTORE, so these are raw calls.
"""

from __future__ import annotations

import _struct
import errno

from pyoci.errors import SyscallError
from pyoci.kernel import uapi
from pyoci.kernel.call import SYS, syscall
from pyoci.kernel.deferred import Call
from pyoci.kernel.process import prctl

_PLACE = "/process/capabilities"
_VERSION_3 = 0x20080522
_LAST = 63


def get() -> tuple[int, int, int]:
    """(effective, permitted, inheritable) of this process as bit masks."""
    data = bytearray(24)
    try:
        syscall(SYS["capget"], _struct.pack("=Ii", _VERSION_3, 0), data)
    except OSError as error:
        raise SyscallError(error.errno or 0, "capget") from None
    e0, p0, i0, e1, p1, i1 = _struct.unpack("=6I", data)
    return e0 | e1 << 32, p0 | p1 << 32, i0 | i1 << 32


def set(effective: int, permitted: int, inheritable: int) -> None:
    capset(effective, permitted, inheritable).make()


def capset(effective: int, permitted: int, inheritable: int) -> Call:
    low, high = 0xFFFFFFFF, 32
    data = _struct.pack(
        "=6I",
        effective & low,
        permitted & low,
        inheritable & low,
        effective >> high,
        permitted >> high,
        inheritable >> high,
    )
    words = f"capset effective={effective:#x} permitted={permitted:#x} inheritable={inheritable:#x}"
    return Call(name="capset", arguments=(_struct.pack("=Ii", _VERSION_3, 0), data), words=words, place=_PLACE)


def bounding() -> int:
    """The bounding set as a bit mask; its highest bit is the last capability that this kernel knows."""
    mask = 0
    for number in range(_LAST):
        try:
            if syscall(SYS["prctl"], uapi.PR_CAPBSET_READ, number, 0, 0, 0):
                mask |= 1 << number
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise SyscallError(error.errno or 0, "read the bounding set of capabilities (prctl)") from None
            break  # past the last one
    return mask


def limit_bounding(keep: int) -> None:
    """Drop from the bounding set all that is not in `keep`."""
    for number in range(_LAST):
        if keep >> number & 1:
            continue
        try:
            syscall(SYS["prctl"], uapi.PR_CAPBSET_DROP, number, 0, 0, 0)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return  # past the last one that this kernel knows
            what = f"drop capability {number} from the bounding set"
            raise SyscallError(error.errno or 0, what).at("/process/capabilities/bounding") from None


def ambient(mask: int) -> list[Call]:
    """The calls that make `mask` the ambient set."""
    clear = (uapi.PR_CAP_AMBIENT, uapi.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    calls = [Call(name="prctl", arguments=clear, words="clear the ambient set", place=f"{_PLACE}/ambient")]
    for number in range(_LAST):
        if mask >> number & 1:
            calls.append(
                Call(
                    name="prctl",
                    arguments=(uapi.PR_CAP_AMBIENT, uapi.PR_CAP_AMBIENT_RAISE, number, 0, 0),
                    words=f"raise {uapi.CAPABILITIES[number]} in the ambient set",
                    place=f"{_PLACE}/ambient",
                )
            )
    return calls


def set_keep(keep: bool) -> None:
    """Whether the permitted set survives a change from uid 0 to another (PR_SET_KEEPCAPS)."""
    prctl(uapi.PR_SET_KEEPCAPS, int(keep), what="keep capabilities")


def set_file_ids(uid: int, gid: int) -> None:
    """setfsuid(2), setfsgid(2): whose files this thread makes. What capabilities(7) takes away with it, it keeps."""
    effective, permitted, inheritable = get()
    try:
        syscall(SYS["setfsgid"], gid)
        syscall(SYS["setfsuid"], uid)
        current = syscall(SYS["setfsuid"], 0xFFFFFFFF)  # these calls report no failure: ask
    except OSError as error:
        raise SyscallError(error.errno or 0, f"setfsuid {uid}") from None
    if current != uid:
        raise SyscallError(errno.EPERM, f"setfsuid {uid}")
    set(effective, permitted, inheritable)
