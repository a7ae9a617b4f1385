"""A seccomp filter run by hand: what the kernel would return for a system call; and an engine's profile."""

from __future__ import annotations

import struct
from typing import Any

X86_64 = 0xC000003E
I386 = 0x40000003
X32_BIT = 0x40000000

ALLOW = 0x7FFF0000
LOG = 0x7FFC0000
KILL_THREAD = 0
KILL_PROCESS = 0x80000000
TRAP = 0x00030000
NOTIFY = 0x7FC00000


def errno(number: int) -> int:
    return 0x00050000 | number


def trace(number: int) -> int:
    return 0x7FF00000 | number


def instructions(code: bytes) -> list[tuple[int, int, int, int]]:
    return list(struct.iter_unpack("=HBBI", code))


def run(code: bytes, nr: int, args: tuple[int, ...] = (), arch: int = X86_64) -> int:
    """Interpret `code` on struct seccomp_data; the same limits as the kernel's checker, so nothing loops."""
    data = struct.pack("=IIQ6Q", nr, arch, 0, *(args + (0,) * (6 - len(args))))
    program = instructions(code)
    accumulator, at = 0, 0
    while True:
        op, jump_true, jump_false, k = program[at]
        at += 1
        if op == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, k)
        elif op == 0x06:
            return k
        elif op == 0x54:
            accumulator &= k
        elif op == 0x05:
            at += k
        else:
            holds = {
                0x15: accumulator == k,
                0x25: accumulator > k,
                0x35: accumulator >= k,
                0x45: accumulator & k,
            }[op]
            at += jump_true if holds else jump_false


def resolved(profile: dict[str, Any], capabilities: set[str]) -> dict[str, Any]:
    """The profile as podman hands it to a runtime on x86_64: entries chosen by capabilities."""
    chosen = []
    for entry in profile["syscalls"]:
        includes, excludes = entry.get("includes") or {}, entry.get("excludes") or {}
        fits = set(includes.get("caps", ())) <= capabilities and "amd64" in includes.get("arches", ["amd64"])
        if fits and not set(excludes.get("caps", ())) & capabilities and "amd64" not in excludes.get("arches", ()):
            chosen.append({key: entry[key] for key in ("names", "action", "args", "errnoRet") if entry.get(key)})
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile.get("defaultErrnoRet"),
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": chosen,
    }
