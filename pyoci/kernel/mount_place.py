"""Where a mount lies now, by its number: statmount(2), or mountinfo on kernels before Linux 6.8."""

from __future__ import annotations

import _struct
import errno

from pyoci.kernel import read_text, uapi
from pyoci.kernel.call import SYS, syscall

_REQUEST = _struct.Struct("=IIQQ")  # struct mnt_id_req: size, spare, mnt_id, param
_POINT = _struct.Struct("=I")
_POINT_AT = 108  # struct statmount: mnt_point, an offset into its strings
_STRINGS_AT = 512
_LONGEST_PATH = 4096


def place(number: int) -> str | None:
    """The path of the mount with that number of `mount.mount_id`; None when this mount namespace has no such mount."""
    request = _REQUEST.pack(_REQUEST.size, 0, number, uapi.STATMOUNT_MNT_POINT)
    buffer = bytearray(_STRINGS_AT + _LONGEST_PATH)
    try:
        syscall(SYS["statmount"], request, buffer, len(buffer), 0)
    except OSError as error:
        return None if error.errno == errno.ENOENT else _in_mountinfo(number)
    start = _STRINGS_AT + _POINT.unpack_from(buffer, _POINT_AT)[0]
    return bytes(buffer[start : buffer.index(0, start)]).decode("utf-8", "surrogateescape")


def _in_mountinfo(number: int) -> str | None:
    for line in read_text("/proc/self/mountinfo").split("\n"):
        fields = line.split(" ")
        if fields[0] == str(number):
            return uapi.unescape(fields[4])
    return None
