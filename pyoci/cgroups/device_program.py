"""The eBPF program that decides about devices in cgroup v2, made from the rules. Pure.

The kernel runs it for every open and mknod of a device in the group with `struct bpf_cgroup_dev_ctx`
(linux/bpf.h): access type (what is wanted in the upper, the kind of device in the lower 16 bits), major,
minor. 0 denies with EPERM.

The rules are walked from the last to the first. A register holds what of the wanted access no rule has
allowed yet: an allowing rule clears its bits, and nothing left means yes; a denying rule that finds one of
its bits there means no. So bit by bit the last rule that matches decides, also where one request matches
several rules.
"""

from __future__ import annotations

import _struct

from pyoci.errors import CgroupError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cgroups.devices import Rule

# linux/bpf_common.h and linux/bpf.h
_LDX_W = 0x61  # BPF_LDX | BPF_MEM | BPF_W
_AND32_K = 0x54  # BPF_ALU | BPF_AND | BPF_K
_RSH32_K = 0x74  # BPF_ALU | BPF_RSH | BPF_K
_MOV32_X = 0xBC  # BPF_ALU | BPF_MOV | BPF_X
_MOV64_K = 0xB7  # BPF_ALU64 | BPF_MOV | BPF_K
_JNE_K = 0x55  # BPF_JMP | BPF_JNE | BPF_K
_JEQ_K = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_EXIT = 0x95  # BPF_JMP | BPF_EXIT
_ACCESS = {"m": 1, "r": 2, "w": 4}  # BPF_DEVCG_ACC_*
_KIND = {"b": 1, "c": 2}  # BPF_DEVCG_DEV_*

_RESULT, _CONTEXT, _TYPE, _WANTED, _MAJOR, _MINOR, _SCRATCH = 0, 1, 2, 3, 4, 5, 6
_INSTRUCTION = "=BBhi"
# Some 500 rules, for which the kernel's verifier takes a second. It follows each way through the program, and refuses
# one of 2000 rules after a million instructions (Linux 6.18).
MAX_INSTRUCTIONS = 4096


def build(rules: list[Rule]) -> bytes:
    """The program for `rules` (see `devices`). Raises CgroupError when there are too many."""
    code = [
        _op(_LDX_W, _TYPE, _CONTEXT, 0),
        _op(_MOV32_X, _WANTED, _TYPE),
        _op(_RSH32_K, _WANTED, value=16),
        _op(_AND32_K, _TYPE, value=0xFFFF),
        _op(_LDX_W, _MAJOR, _CONTEXT, 4),
        _op(_LDX_W, _MINOR, _CONTEXT, 8),
    ]
    for rule in reversed(rules):
        code += _rule(*rule)
    code += _return(0)
    if len(code) > MAX_INSTRUCTIONS:
        raise CgroupError(
            f"devices: {len(rules)} rules make a program of {len(code)} instructions, more than "
            f"{MAX_INSTRUCTIONS}, which the kernel may refuse; use wildcards"
        )
    return b"".join(code)


def _rule(allow: bool, kind: str, major: int | None, minor: int | None, access: str) -> list[bytes]:
    bits = sum(bit for letter, bit in _ACCESS.items() if letter in access)
    if allow:
        body = [_op(_AND32_K, _WANTED, value=~bits & 7), _op(_JNE_K, _WANTED, offset=2), *_return(1)]
    else:
        body = [
            _op(_MOV32_X, _SCRATCH, _WANTED),
            _op(_AND32_K, _SCRATCH, value=bits),
            _op(_JEQ_K, _SCRATCH, offset=2),
            *_return(0),
        ]
    for register, value in ((_MINOR, minor), (_MAJOR, major), (_TYPE, _KIND[kind])):
        if value is not None:
            body.insert(0, _op(_JNE_K, register, offset=len(body), value=value))
    return body


def _return(value: int) -> list[bytes]:
    return [_op(_MOV64_K, _RESULT, value=value), _op(_EXIT)]


def _op(code: int, target: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return _struct.pack(_INSTRUCTION, code, target | source << 4, offset, value)
