from __future__ import annotations

import struct

import pytest
from helpers.seccomp_bpf import ALLOW, I386, KILL_THREAD, X32_BIT, X86_64, errno, instructions, run
from hypothesis import given, settings
from hypothesis import strategies as st

from pyoci.host.seccomp_enosys import prologue

X32 = 0x4000003E
AARCH64 = 0xC00000B7
S390X = 0x80000016
ENOSYS = errno(38)

# A filter that lets all pass: as libseccomp's, it begins by loading the architecture.
LET_PASS = struct.pack("=HBBI", 0x20, 0, 0, 4) + struct.pack("=HBBI", 0x06, 0, 0, ALLOW)

ALL = {X86_64: 334, X32: X32_BIT | 547, I386: 385}


def answer(last: dict[int, int], nr: int, arch: int = X86_64) -> int:
    return run(prologue(last) + LET_PASS, nr, arch=arch)


@pytest.mark.parametrize(
    ("arch", "highest"), [(X86_64, 334), (I386, 385), (X86_64, X32_BIT | 547)], ids=["x86_64", "i386", "x32"]
)
def test_only_numbers_above_the_highest_are_enosys(arch: int, highest: int) -> None:
    low = X32_BIT if highest & X32_BIT else 0
    assert {answer(ALL, nr, arch) for nr in range(low, highest + 1)} == {ALLOW}
    assert {answer(ALL, nr, arch) for nr in range(highest + 1, highest + 300)} == {ENOSYS}


def test_x32_calls_are_left_to_the_filter_when_the_profile_has_no_x32() -> None:
    assert answer({X86_64: 334}, X32_BIT | 1) == ALLOW
    assert answer({X86_64: 334}, X32_BIT | 999) == ALLOW
    assert answer({X86_64: 334}, 335) == ENOSYS


def test_x86_64_calls_are_left_to_the_filter_when_the_profile_has_only_x32() -> None:
    assert answer({X32: X32_BIT | 547}, 999) == ALLOW
    assert answer({X32: X32_BIT | 547}, X32_BIT | 547) == ALLOW
    assert answer({X32: X32_BIT | 547}, X32_BIT | 548) == ENOSYS


def test_other_architectures_are_left_to_the_filter() -> None:
    assert answer(ALL, 9999, AARCH64) == ALLOW


def test_s390_setup_is_enosys_since_it_carries_the_unknown_calls() -> None:
    assert answer({S390X: 400}, 0, S390X) == ENOSYS
    assert answer({S390X: 400}, 1, S390X) == ALLOW
    assert answer({S390X: 400}, 401, S390X) == ENOSYS


def test_no_limits_are_no_instructions() -> None:
    assert prologue({}) == b""


# All that the spec names, distinct as the kernel sees them.
KERNEL_ARCHS = [
    *(
        0xC00000B7,
        0x40000028,
        0xC0000102,
        0x4,
        0x8,
        0x80000008,
        0xA0000008,
        0x40000008,
        0xC0000008,
        0xE0000008,
    ),
    *(0xF, 0x8000000F, 0x14, 0x80000015, 0xC0000015, 0xC00000F3, 0x4000002A, 0x2A, I386, X86_64),
]


@settings(database=None, deadline=None)
@given(st.dictionaries(st.sampled_from(KERNEL_ARCHS), st.integers(1, 6500)), st.integers(1, 7000))
def test_any_set_of_architectures_means_what_it_says(last: dict[int, int], nr: int) -> None:
    for arch in KERNEL_ARCHS:
        assert answer(last, nr, arch) == (ENOSYS if arch in last and nr > last[arch] else ALLOW)


def test_jumps_stay_within_the_program_and_go_forward() -> None:
    code = instructions(prologue(dict.fromkeys(KERNEL_ARCHS, 400) | {X32: X32_BIT | 500}))
    for at, (op, jump_true, jump_false, k) in enumerate(code):
        farthest = k if op == 0x05 else max(jump_true, jump_false)
        assert at + 1 + farthest <= len(code)


def test_the_filter_behind_it_still_decides() -> None:
    kill = struct.pack("=HBBI", 0x20, 0, 0, 4) + struct.pack("=HBBI", 0x06, 0, 0, KILL_THREAD)
    assert run(prologue(ALL) + kill, 1) == KILL_THREAD
