"""Files that begin as programs do, elf(5)."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

_HEADER = 64
_PROGRAM_HEADER = 56


def program(machine: int | None = None, loader: str = "") -> bytes:
    """A program of 64 bits for this machine, or for `machine` (elf.h, EM_*), with the loader that it asks for.

    It has nothing to execute.
    """
    own = Path(sys.executable).read_bytes()[:_HEADER]
    order = "<" if own[5] == 1 else ">"
    head = bytearray(own)
    struct.pack_into(f"{order}H", head, 18, machine or struct.unpack_from(f"{order}H", own, 18)[0])
    struct.pack_into(f"{order}Q", head, 32, _HEADER)  # e_phoff
    struct.pack_into(f"{order}HH", head, 54, _PROGRAM_HEADER, 1 if loader else 0)  # e_phentsize, e_phnum
    if not loader:
        return bytes(head)
    text = loader.encode() + b"\0"
    offset = _HEADER + _PROGRAM_HEADER
    interpreter = struct.pack(f"{order}IIQQQQQQ", 3, 4, offset, 0, 0, len(text), len(text), 1)  # PT_INTERP
    return bytes(head) + interpreter + text
