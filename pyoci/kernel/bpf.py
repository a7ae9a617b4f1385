"""bpf(2), as far as programs of type BPF_PROG_TYPE_CGROUP_DEVICE need it."""

from __future__ import annotations

import _struct
import errno
import posix

from pyoci.errors import SyscallError
from pyoci.kernel import process
from pyoci.kernel.call import SYS, address, syscall

# linux/bpf.h
_PROG_LOAD = 5
_PROG_ATTACH = 8
_PROG_DETACH = 9
_PROG_GET_FD_BY_ID = 13
_OBJ_GET_INFO_BY_FD = 15
_PROG_QUERY = 16
_TYPE_CGROUP_DEVICE = 15  # BPF_PROG_TYPE_CGROUP_DEVICE
_ATTACH_DEVICE = 6  # BPF_CGROUP_DEVICE
_F_ALLOW_MULTI = 1 << 1
_F_REPLACE = 1 << 2
_NAME_OFFSET = 64  # of `name` in struct bpf_prog_info
_NAME_LENGTH = 16  # BPF_OBJ_NAME_LEN
_PROGRAMS_MAX = 64  # BPF_CGROUP_MAX_PROGS
_RLIMIT_MEMLOCK = 8
_RLIM_INFINITY = 2**64 - 1


def load_device_program(instructions: bytes, name: str) -> int:
    """A descriptor of the program. Raises SyscallError."""
    try:
        return _load(instructions, name, b"")
    except SyscallError as error:
        if error.errno != errno.EPERM:
            raise _with_log(error, instructions, name) from None
    # Until Linux 5.11 programs were locked memory, which is limited to 64 KiB by default.
    limits = process.get_rlimit(_RLIMIT_MEMLOCK)
    process.set_rlimit(_RLIMIT_MEMLOCK, _RLIM_INFINITY, _RLIM_INFINITY, "RLIMIT_MEMLOCK")
    try:
        return _load(instructions, name, b"")
    finally:
        process.set_rlimit(_RLIMIT_MEMLOCK, *limits, "RLIMIT_MEMLOCK")


def attach_device_program(group_fd: int, fd: int, replaced: int) -> None:
    """Let the program decide in the group, beside others; in one step in place of `replaced` unless that is
    -1.

    Raises SyscallError.
    """
    if replaced < 0:
        attributes = _struct.pack("=IIIII", group_fd, fd, _ATTACH_DEVICE, _F_ALLOW_MULTI, 0)
    else:
        flags = _F_ALLOW_MULTI | _F_REPLACE
        attributes = _struct.pack("=IIIII", group_fd, fd, _ATTACH_DEVICE, flags, replaced)
    try:
        _bpf(_PROG_ATTACH, bytearray(attributes), "attach the device program")
        return
    except SyscallError as error:
        if replaced < 0 or error.errno != errno.EINVAL:
            raise
    # Before Linux 5.6 there is no BPF_F_REPLACE. The new one first: for a moment both must agree.
    attach_device_program(group_fd, fd, -1)
    detach_device_program(group_fd, replaced)


def detach_device_program(group_fd: int, fd: int) -> None:
    attributes = _struct.pack("=IIIII", group_fd, fd, _ATTACH_DEVICE, 0, 0)
    _bpf(_PROG_DETACH, bytearray(attributes), "detach a device program")


def attached_device_programs(group_fd: int, name: str) -> list[int]:
    """Descriptors of the programs called `name` that are attached to the group itself. Raises
    SyscallError.
    """
    ids = bytearray(4 * _PROGRAMS_MAX)
    # target_fd, attach_type, query_flags, attach_flags, prog_ids, prog_cnt, padding, prog_attach_flags
    attributes = bytearray(_struct.pack("=IIIIQIIQ", group_fd, _ATTACH_DEVICE, 0, 0, address(ids), _PROGRAMS_MAX, 0, 0))
    _bpf(_PROG_QUERY, attributes, "list the device programs")
    count = _struct.unpack_from("=I", attributes, 24)[0]
    programs: list[int] = []
    try:
        for (number,) in _struct.iter_unpack("=I", ids[: 4 * count]):
            fd = _open_program(number)
            if fd is None:
                continue
            programs.append(fd)
            if _name(fd) != name:
                posix.close(programs.pop())
    except SyscallError:
        for fd in programs:
            posix.close(fd)
        raise
    return programs


def _open_program(number: int) -> int | None:
    """None when it was detached meanwhile."""
    try:
        return _bpf(_PROG_GET_FD_BY_ID, bytearray(_struct.pack("=III", number, 0, 0)), "open a device program")
    except SyscallError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def _name(fd: int) -> str:
    info = bytearray(256)
    attributes = _struct.pack("=IIQ", fd, len(info), address(info))
    _bpf(_OBJ_GET_INFO_BY_FD, bytearray(attributes), "describe a device program")
    return bytes(info[_NAME_OFFSET : _NAME_OFFSET + _NAME_LENGTH]).split(b"\0", 1)[0].decode("ascii", "replace")


def _load(instructions: bytes, name: str, log: bytes | bytearray) -> int:
    text = bytearray(instructions)
    license_text = bytearray(b"Apache-2.0\0")  # no helper that is reserved to the GPL is called
    attributes = _struct.pack(
        "=IIQQIIQII16s",
        _TYPE_CGROUP_DEVICE,
        len(instructions) // 8,
        address(text),
        address(license_text),
        1 if log else 0,
        len(log),
        address(log) if isinstance(log, bytearray) else 0,
        0,
        0,
        name.encode("ascii")[: _NAME_LENGTH - 1],
    )
    return _bpf(_PROG_LOAD, bytearray(attributes), f"load a device program of {len(instructions) // 8} instructions")


def _with_log(error: SyscallError, instructions: bytes, name: str) -> SyscallError:
    """The refusal with the last words of the kernel's verifier."""
    log = bytearray(65536)
    try:
        posix.close(_load(instructions, name, log))
    except SyscallError as again:
        lines = bytes(log).split(b"\0", 1)[0].decode("ascii", "replace").strip().splitlines()
        return SyscallError(again.errno, f"{again.call} ({'; '.join(lines[-3:])})" if lines else again.call)
    return error


def _bpf(command: int, attributes: bytearray, what: str) -> int:
    try:
        return syscall(SYS["bpf"], command, attributes, len(attributes))
    except OSError as error:
        raise SyscallError(error.errno or 0, f"bpf: {what}") from None
