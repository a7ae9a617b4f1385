"""Put a snapshot into the program: its variables and its memory as they are once Python has started (snapshot.c).

The program's own loader then brings it back: the kernel maps the file, page by page, as far as a run touches them.
An ELF file (elf(5)) says in its program headers what is mapped where. Two of its segments grow: the one of the
variables by those that were zero (.bss), and the one of the snapshot's memory from nothing.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CALLED = "pyoci: write a snapshot"  # SNAPSHOT_CALLED in snapshot.h

_PT_LOAD, _PT_DYNAMIC, _PT_GNU_RELRO, _PF_W = 1, 2, 0x6474E552, 2
_DT_INIT_ARRAYSZ = 27
_SHT_PROGBITS, _SHT_RELA, _SHT_NOBITS, _SHF_ALLOC, _SHF_TLS = 1, 4, 8, 2, 0x400
_R_X86_64_COPY = 5
_AT_TABLES, _AT_COUNTS = 32, 54  # in Elf64_Ehdr: e_phoff, e_phentsize
_SEGMENT, _SECTION, _RELOCATION, _DYNAMIC = "<IIQQQQQQ", "<IIQQQQIIQQ", "<QQq", "<qQ"
_PART = "<QQ"  # what snapshot.c writes before each segment
_PATIENCE = 60  # seconds
_ALIGN = 16  # of what is in no segment
_WORD = 8


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
        _, segments, _, sections = struct.unpack_from("<HHHH", data, _AT_COUNTS)
        self.segments = [Segment._make(row) for row in _table(data, _SEGMENT, self._segments_at, segments)]
        self.sections = [Section._make(row) for row in _table(data, _SECTION, self._sections_at, sections)]

    def variables(self) -> list[Segment]:
        """The segments that can be written to, by address."""
        found = [part for part in self.segments if part.type == _PT_LOAD and part.flags & _PF_W]
        return sorted(found, key=lambda part: part.address)

    def linked(self) -> Iterator[tuple[int, bytes]]:
        """Address and content of what the dynamic linker fills in before it makes it read-only."""
        for part in self.segments:
            if part.type == _PT_GNU_RELRO:
                yield part.address, self.data[part.offset : part.offset + part.in_file]

    def without_constructors(self) -> Program:
        """The same program, for which the dynamic linker runs none: they have run when the snapshot was taken."""
        data = bytearray(self.data)
        for part in self.segments:
            if part.type != _PT_DYNAMIC:
                continue
            for at in range(part.offset, part.offset + part.in_file, struct.calcsize(_DYNAMIC)):
                tag, _ = struct.unpack_from(_DYNAMIC, data, at)
                if tag == _DT_INIT_ARRAYSZ:
                    struct.pack_into(_DYNAMIC, data, at, tag, 0)
        return Program(bytes(data))

    def copied(self) -> Iterator[tuple[int, int]]:
        """Address and size of what the dynamic linker copies in, such as the variable `environ`."""
        for section in self.sections:
            if section.type != _SHT_RELA:
                continue
            symbols = self.sections[section.link].offset
            count = section.size // struct.calcsize(_RELOCATION)
            for address, info, _ in _table(self.data, _RELOCATION, section.offset, count):
                if info & 0xFFFFFFFF == _R_X86_64_COPY:
                    yield address, struct.unpack_from("<Q", self.data, symbols + 24 * (info >> 32) + 16)[0]

    def with_memory(self, memory: dict[int, bytes]) -> bytes:
        """The file with `memory`, by the address of its segment, as the content of `variables`.

        What is behind them in the file moves, and the sections are made to fit: strip(1) and its kin go by sections.
        """
        parts = self.variables()
        begin, end = parts[0].offset, max(part.offset + part.in_file for part in parts)
        if any(part.offset >= end for part in self.segments if part.type == _PT_LOAD and part.in_file):
            raise SnapshotError("the variables are not the last segment of the program")
        data = bytearray(self.data[:begin])
        grown = {}
        for part in parts:
            data += bytes((part.address - len(data)) % part.align)
            size = len(memory[part.address])
            grown[part] = part._replace(offset=len(data), in_file=size, in_memory=size)
            data += memory[part.address]
        data += bytes((end - len(data)) % _ALIGN)
        shift = len(data) - end
        data += self.data[end:]

        struct.pack_into("<Q", data, _AT_TABLES + 8, self._sections_at + shift)
        for number, part in enumerate(self.segments):
            _put(data, _SEGMENT, self._segments_at, number, grown.get(part, part))
        for number, section in enumerate(self.sections):
            moved = _moved(section, list(grown.values()))
            if moved is section and section.offset >= end:
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
            size = min(section.size, part.address + part.in_memory - section.address)
            kind = _SHT_PROGBITS if section.type == _SHT_NOBITS else section.type
            return section._replace(offset=offset, size=size, type=kind)
    return section


def take(program: Path) -> None:
    """Let `program`, which has no snapshot yet, write one, and put it in. Raises SnapshotError."""
    elf = Program(program.read_bytes()).without_constructors()
    written, maps = _ask(program)
    memory = cleaned(elf, dict(_parts(written)))
    if memory.keys() != {part.address for part in elf.variables()}:
        raise SnapshotError("the program wrote something else than a snapshot")
    own = [(part.address, part.address + part.in_memory) for part in elf.segments if part.type == _PT_LOAD]
    for begin, content in memory.items():
        for address, word, where in foreign_words(begin, content, maps, own):
            raise SnapshotError(f"the word at {address:#x} is {word:#x}, an address in {where}")
    _replace(program, elf.with_memory(memory))


def _replace(program: Path, content: bytes) -> None:
    """Let `content` be the program, if it wakes up."""
    new = program.with_name(f"{program.name}.new")
    try:
        new.write_bytes(content)
        new.chmod(program.stat().st_mode)
        said = subprocess.check_output(
            [str(new.resolve()), "--version"], stdin=subprocess.DEVNULL, timeout=_PATIENCE, env={}, cwd="/"
        )
        if not said:  # the status says nothing where SIGCHLD is ignored
            raise SnapshotError("the program does not wake up from it")
        new.replace(program)
    except (OSError, subprocess.SubprocessError) as error:
        raise SnapshotError(f"the program with it: {error}") from None
    finally:
        new.unlink(missing_ok=True)


def _ask(program: Path) -> tuple[bytes, str]:
    """What `program` writes, and its /proc/PID/maps."""
    try:
        # Nothing of who builds the program becomes part of it: no environment, no working directory.
        with subprocess.Popen(
            [CALLED], executable=program.resolve(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, cwd="/"
        ) as process:
            written = process.stdout.read() if process.stdout else b""
            maps = Path(f"/proc/{process.pid}/maps").read_text()
    except OSError as error:
        raise SnapshotError(f"asking the program for one: {error}") from None
    if process.returncode != 0:
        raise SnapshotError(f"asking the program for one: it ended with status {process.returncode}")
    return written, maps


def _parts(written: bytes) -> Iterator[tuple[int, bytes]]:
    """What snapshot.c writes: address, size, content."""
    at, head = 0, struct.calcsize(_PART)
    while len(written) - at >= head:
        address, size = struct.unpack_from(_PART, written, at)
        yield address, written[at + head : at + head + size]
        at += head + size


def cleaned(elf: Program, memory: dict[int, bytes]) -> dict[int, bytes]:
    """`memory` with what the dynamic linker makes new at each start as it is in the file, or zero."""
    replaced = [*elf.linked(), *((address, bytes(size)) for address, size in elf.copied())]
    found = {begin: bytearray(content) for begin, content in memory.items()}
    for address, content in replaced:
        for begin, part in found.items():
            if begin <= address < begin + len(part):
                part[address - begin : address - begin + len(content)] = content
    return {begin: bytes(part) for begin, part in found.items()}


def foreign_words(begin: int, content: bytes, maps: str, own: list[tuple[int, int]]) -> Iterator[tuple[int, int, str]]:
    """Addresses of what was mapped besides the program: (where the word is, the word, what is there).

    `maps` is /proc/PID/maps. In another process, other things are there.
    """
    others = []
    for line in maps.splitlines():
        words = line.split(maxsplit=5)
        first, last = (int(word, 16) for word in words[0].split("-"))
        if not any(low < last and first < high for low, high in own):
            others.append((first, last, words[5] if len(words) > 5 else "anonymous memory"))
    lowest = min(first for first, _, _ in others)
    skipped = -begin % _WORD
    usable = content[skipped : skipped + (len(content) - skipped) // _WORD * _WORD]
    for number, word in enumerate(memoryview(usable).cast("Q")):
        if word >= lowest:
            for first, last, where in others:
                if first <= word < last:
                    yield begin + skipped + number * _WORD, word, where
