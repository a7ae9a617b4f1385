"""The program's file (elf(5)): its program headers say what is mapped where.

The two segments of a snapshot grow: the one of Python's variables by what was zero, and the one of its memory from
nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

VARIABLES, MEMORY = "pyoci_variables", (".snapshot", ".snapshot_arenas")  # sections: variables.ld
CODE = ".frozen_code"  # nobody needs it in a program with a snapshot

_PT_LOAD, _PT_INTERP = 1, 3
_PT_INTERP_HIDDEN = 0x6F636901  # of the range that an operating system may give a meaning: entry.c does
_SHT_PROGBITS, _SHT_NOBITS, _SHF_WRITE, _SHF_ALLOC, _SHF_TLS = 1, 8, 1, 2, 0x400
_AT_TABLES, _AT_COUNTS = 32, 54  # in Elf64_Ehdr: e_phoff, e_phentsize, which e_phnum follows
_SEGMENT, _SECTION = "<IIQQQQQQ", "<IIQQQQIIQQ"
_ALIGN = 16  # of what is in no segment


class SnapshotError(Exception):
    """There can be no snapshot of this program here; it runs without one."""


class Segment(NamedTuple):
    """Elf64_Phdr."""

    type: int
    flags: int
    offset: int
    address: int
    physical: int
    in_file: int
    in_memory: int
    align: int

    @property
    def is_loaded(self) -> bool:
        return self.type == _PT_LOAD


class Section(NamedTuple):
    """Elf64_Shdr."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry: int


class Program:
    """An ELF file of 64 bits, of little-endian order."""

    def __init__(self, data: bytes) -> None:
        if data[:6] != b"\x7fELF\x02\x01":
            raise SnapshotError("the program is no ELF file of 64 bits in little-endian order")
        self.data = data
        self._segments_at, self._sections_at = struct.unpack_from("<QQ", data, _AT_TABLES)
        _, segments, _, sections, names = struct.unpack_from("<HHHHH", data, _AT_COUNTS)
        self.segments = [Segment._make(row) for row in _table(data, _SEGMENT, self._segments_at, segments)]
        self.sections = [Section._make(row) for row in _table(data, _SECTION, self._sections_at, sections)]
        self._names = self.sections[names]

    def variables(self) -> list[Segment]:
        """The segments of a snapshot, by address; none where the program was linked without."""
        return self._segments_of(VARIABLES, *MEMORY)

    def needless(self) -> list[Segment]:
        """The segments that a program with a snapshot does not have."""
        return self._segments_of(CODE)

    def with_hidden_interpreter(self) -> bytes:
        """The file, whose dynamic linker the kernel does not see: entry.c loads it."""
        data = bytearray(self.data)
        for number, part in enumerate(self.segments):
            if part.type == _PT_INTERP:
                _put(data, _SEGMENT, self._segments_at, number, part._replace(type=_PT_INTERP_HIDDEN))
        return bytes(data)

    def _segments_of(self, *names: str) -> list[Segment]:
        starts = {section.address for section in self.sections if self._name(section) in names}
        parts = [part for part in self.segments if part.is_loaded and part.address in starts]
        return sorted(parts, key=lambda part: part.address)

    def interpreter(self) -> str:
        """The path of the dynamic linker that the kernel starts first; empty where it starts none."""
        for part in self.segments:
            if part.type == _PT_INTERP:
                return self.data[part.offset : part.offset + part.in_file].rstrip(b"\0").decode()
        return ""

    def writable(self) -> set[str]:
        """Names of the sections that a run can write to."""
        return {self._name(part) for part in self.sections if part.flags & _SHF_WRITE and part.flags & _SHF_ALLOC}

    def _name(self, section: Section) -> str:
        start = self._names.offset + section.name
        return self.data[start : self.data.index(b"\0", start)].decode("latin-1")

    def with_memory(self, memory: dict[int, bytes], *, trimmed: bool = False) -> bytes:
        """The file with `memory`, by the address of its segment, as the content of `variables`.

        What is behind them in the file moves, and the sections are made to fit: strip(1) and its kin go by sections.
        The segments that are needless are left out.
        """
        parts, needless = self.variables(), self.needless()
        begin, end = parts[0].offset, max(part.offset + part.in_file for part in (*parts, *needless))
        if any(part.offset >= end for part in self.segments if part.is_loaded and part.in_file):
            raise SnapshotError("the variables are not the last segment of the program")
        data = bytearray(self.data[:begin])
        grown = {}
        for part in parts:
            data += bytes((part.address - len(data)) % part.align)
            content = memory[part.address]
            if trimmed:
                content = content.rstrip(b"\0")  # the kernel makes what is behind zero
            grown[part] = part._replace(offset=len(data), in_file=len(content), in_memory=len(memory[part.address]))
            data += content
        data += bytes((end - len(data)) % _ALIGN)
        shift = len(data) - end
        data += self.data[end:]

        struct.pack_into("<Q", data, _AT_TABLES + 8, self._sections_at + shift)
        kept = [grown.get(part, part) for part in self.segments if part not in needless]
        struct.pack_into("<H", data, _AT_COUNTS + 2, len(kept))
        for number, part in enumerate(kept):
            _put(data, _SEGMENT, self._segments_at, number, part)
        for number, section in enumerate(self.sections):
            moved = _moved(section, list(grown.values()))
            if self._name(section) == CODE:
                moved = section._replace(flags=0, offset=end + shift, size=0)
            elif moved is section and section.offset >= end:
                moved = section._replace(offset=section.offset + shift)
            _put(data, _SECTION, self._sections_at + shift, number, moved)
        return bytes(data)


def _table(data: bytes, form: str, at: int, count: int) -> Iterator[tuple[int, ...]]:
    return struct.iter_unpack(form, data[at : at + count * struct.calcsize(form)])


def _put(data: bytearray, form: str, at: int, number: int, row: tuple[int, ...]) -> None:
    struct.pack_into(form, data, at + number * struct.calcsize(form), *row)


def _moved(section: Section, segments: list[Segment]) -> Section:
    """`section` where its segment is now, all of it in the file; itself if it is in none of `segments`."""
    if not section.flags & _SHF_ALLOC or (section.type == _SHT_NOBITS and section.flags & _SHF_TLS):
        return section
    for part in segments:
        if part.address <= section.address < part.address + part.in_memory:
            offset = part.offset + section.address - part.address
            size = min(section.size, part.address + part.in_file - section.address)
            kind = _SHT_PROGBITS if section.type == _SHT_NOBITS else section.type
            return section._replace(offset=offset, size=size, type=kind)
    return section
