"""ENOSYS for the system calls that are newer than a seccomp profile.

A C library tries a new call and falls back to an old one when it hears ENOSYS; a profile written before that
call existed answers with its default action, often EPERM, and the program breaks. So a few instructions go
before the filter: a call with a number above all that the profile names gets ENOSYS (as in runc).
"""

from __future__ import annotations

import _struct

_X86_64 = 0xC000003E
_X32 = 0x4000003E
_X32_BIT = 0x40000000  # asm/unistd.h, __X32_SYSCALL_BIT
_S390 = (0x00000016, 0x80000016)

# struct seccomp_data
_NR = 0
_ARCH = 4

# linux/bpf_common.h
_LD_W_ABS = 0x20
_JA = 0x05
_JEQ_K = 0x15
_JGT_K = 0x25
_JSET_K = 0x45
_RET_K = 0x06

_RET_ENOSYS = 0x00050000 | 38

_Instruction = tuple[int, int, int, int]


def prologue(last: dict[int, int]) -> bytes:
    """Instructions to go before a filter: struct sock_filter in this machine's byte order.

    `last` gives the highest system call number that the profile names, by SCMP_ARCH_* number; numbers of x32
    have its bit set. An architecture that is not in it is left to the filter.

    x32 shares x86_64's AUDIT_ARCH and has its own numbers, so the bit chooses between two limits; where only
    one of the two ABIs is known, calls by the other are left to the filter as well.
    """
    sections: list[tuple[int, list[_Instruction]]] = []
    for arch in sorted(last):
        if arch not in (_X86_64, _X32):
            sections.append((arch, _limit(last[arch], multiplexed=arch in _S390)))
    if _X86_64 in last or _X32 in last:
        sections.append((_X86_64, _x86_limits(last.get(_X86_64), last.get(_X32))))
    if not sections:
        return b""
    return b"".join(_struct.pack("=HBBI", *instruction) for instruction in _join(sections))


def _limit(last: int, *, multiplexed: bool = False) -> list[_Instruction]:
    """The rest is ENOSYS; falls off the end otherwise. The call's number is in the accumulator."""
    code: list[_Instruction] = []
    if multiplexed:
        # On s390, numbers above 255 come through setup(2), 0, which stays for those that the kernel lacks.
        code += [(_JEQ_K, 0, 1, 0), (_RET_K, 0, 0, _RET_ENOSYS)]
    return [*code, (_JGT_K, 0, 1, last), (_RET_K, 0, 0, _RET_ENOSYS)]


def _x86_limits(last_64: int | None, last_x32: int | None) -> list[_Instruction]:
    x32 = [] if last_x32 is None else _limit(last_x32)
    native = [] if last_64 is None else _limit(last_64)
    native.append((_JA, 0, 0, len(x32)))
    return [(_JSET_K, len(native), 0, _X32_BIT), *native, *x32]


def _join(sections: list[tuple[int, list[_Instruction]]]) -> list[_Instruction]:
    """Each section behind a check of the architecture; all lead to the first instruction of the filter."""
    code: list[_Instruction] = []
    for arch, section in reversed(sections):
        body = [(_LD_W_ABS, 0, 0, _NR), *section, (_JA, 0, 0, len(code))]
        code = [(_JEQ_K, 0, len(body), arch), *body, *code]
    return [(_LD_W_ABS, 0, 0, _ARCH), *code]
