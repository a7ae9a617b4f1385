"""Put a snapshot into the program: Python's variables and memory as they are once it has started (README.md).

The program's own loader then brings it back: the kernel maps the file, page by page, as far as a run touches them.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from snapshot.elf import MEMORY as MEMORY
from snapshot.elf import Program as Program
from snapshot.elf import SnapshotError as SnapshotError

CALLED = "pyoci: write a snapshot"  # SNAPSHOT_CALLED in snapshot.h

_PART = "<QQ"  # what snapshot.c writes before each segment
_PATIENCE = 60  # seconds
_ATTEMPTS = 4
_WORD = 8


def take(program: Path, *, trimmed: bool = False) -> None:
    """Let `program`, which has no snapshot yet, write one, and put it in. Raises SnapshotError.

    `trimmed`: zeros at the end of its parts are left out. strip(1) would not know of them.
    """
    elf = Program(program.read_bytes())
    whole = Program(elf.with_memory(_memory(program, elf), trimmed=trimmed))
    _replace(program, whole.with_hidden_interpreter())


def _memory(program: Path, elf: Program) -> dict[int, bytes]:
    """What the program wrote, without an address of anything outside of it.

    The heap of a program at a fixed address is anywhere in the 1 GiB behind it (the kernel's arch_randomize_brk()),
    where a text of four letters looks like an address, too. So it is asked again: an address is found each time.
    """
    kept = [part for part in elf.segments if part.is_loaded and part not in elf.needless()]
    own = [(part.address, part.address + part.in_memory) for part in kept]
    words = ""
    for _ in range(_ATTEMPTS):
        written, maps = _ask(program)
        memory = dict(_parts(written))
        if memory.keys() != {part.address for part in elf.variables()}:
            raise SnapshotError("the program wrote something else than a snapshot")
        foreign = (word for begin, content in memory.items() for word in foreign_words(begin, content, maps, own))
        first = next(foreign, None)
        if first is None:
            return memory
        words = f"the word at {first[0]:#x} is {first[1]:#x}, an address in {first[2]}"
    raise SnapshotError(words)


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
