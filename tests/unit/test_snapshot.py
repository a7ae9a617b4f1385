"""Putting a snapshot into the program's file: launcher/snapshot."""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.program import boot, build_program, snapshot

SOURCE = """
#include <stdio.h>
#include <unistd.h>
static int constructed, changed = 1;
static int zero[3000];
static char later[1 << 20] __attribute__((section(".snapshot,\\"aw\\",@nobits#"), aligned(4096)));
__attribute__((section(".frozen_code"))) static const char code[100] = "code of modules";
const char *code_of_a_module = code;
__attribute__((constructor)) static void construct(void)
{
    constructed++;
}
int main(void)
{
    fprintf(stdout, "%d %d %d %d %d", constructed, changed, zero[2999], later[0], later[8191]);
    return 0;
}
"""
ROOT = Path(__file__).resolve().parents[2]
MAPS = """\
00400000-00500000 r-xp 00000000 fe:00 1    /bin/pyoci
20000000-20021000 rw-p 00000000 00:00 0    [heap]
7f0000000000-7f0000100000 r-xp 00000000 fe:00 2    /lib/libc.so.6
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0
"""
OWN = [(0x400000, 0x500000)]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elf")
    (folder / "main.c").write_text(SOURCE)
    object_file, script = folder / "main.o", ROOT / "launcher/snapshot/variables.ld"
    subprocess.run(["gcc", "-fno-pie", "-g", "-c", "-o", object_file, folder / "main.c"], check=True)
    renamed = [f"--rename-section={old}={new}" for old, new in build_program.RENAMED.items()]
    subprocess.run(["objcopy", *renamed, object_file], check=True)
    options = ["-no-pie", "-Wl,-z,relro,-z,now", f"-Wl,-T,{script}"]
    subprocess.run(["gcc", *options, "-o", folder / "main", object_file], check=True)
    return folder / "main"


def symbol(program: Path, name: str) -> int:
    lines = subprocess.run(["nm", program], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return next(int(line.split()[0], 16) for line in lines if line.split()[-1] == name)


def memory_at_start(elf: snapshot.Program) -> dict[int, bytearray]:
    """What the kernel would make of the program's segments."""
    return {
        part.address: bytearray(elf.data[part.offset : part.offset + part.in_file].ljust(part.in_memory, b"\0"))
        for part in elf.variables()
    }


@pytest.fixture(scope="module")
def changed(program: Path) -> Path:
    """The program with other values of its variables, and two pages of the section .snapshot."""
    elf = snapshot.Program(program.read_bytes())
    memory = memory_at_start(elf)
    begin = min(memory)
    struct.pack_into("<i", memory[begin], symbol(program, "changed") - begin, 22)
    struct.pack_into("<i", memory[begin], symbol(program, "zero") - begin + 4 * 2999, 333)
    memory[0x10000000] = bytearray(b"\4" + bytes(8190) + b"\5")
    result = program.parent / "changed"
    result.write_bytes(elf.with_memory({address: bytes(content) for address, content in memory.items()}))
    result.chmod(0o755)
    return result


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_variables_have_the_values_that_are_put_in(program: Path, changed: Path) -> None:
    assert output(program) == "0 1 0 0 0"
    assert output(changed) == "0 22 333 4 5"


@pytest.mark.parametrize("tool", [["strip"], ["objcopy"], ["strip", "--strip-debug"]], ids=" ".join)
def test_tools_that_go_by_sections_keep_them(changed: Path, tmp_path: Path, tool: list[str]) -> None:
    subprocess.run([*tool, changed, *(["-o"] if tool[0] == "strip" else []), tmp_path / "result"], check=True)
    assert output(tmp_path / "result") == "0 22 333 4 5"


def test_what_is_behind_the_variables_moves(program: Path, changed: Path) -> None:
    for table in (["nm", "--format=just-symbols"], ["readelf", "--debug-dump=line"]):
        before, after = (output(*table, file).replace(str(file), "") for file in (program, changed))
        assert before == after != ""


def test_code_that_the_snapshot_makes_needless_is_left_out(program: Path, changed: Path) -> None:
    before, after = program.read_bytes(), changed.read_bytes()
    assert b"code of modules" in before and b"code of modules" not in after
    (segment,) = snapshot.Program(before).needless()
    assert not snapshot.Program(after).needless()
    assert not any(part.address == segment.address for part in snapshot.Program(after).segments if part.is_loaded)


def test_word_that_points_to_code_that_is_left_out_is_told(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    elf = snapshot.Program(program.read_bytes())
    (segment,) = elf.needless()
    written = b"".join(words(part.address, 8, segment.address + 8) for part in elf.variables())
    maps = f"{segment.address:08x}-{segment.address + 0x1000:08x} r--p 00000000 fe:00 1    /bin/pyoci\n"
    monkeypatch.setattr(snapshot, "_ask", lambda _program: (written, maps))
    with pytest.raises(snapshot.SnapshotError, match="an address in /bin/pyoci"):
        snapshot._memory(program, elf)


def test_variables_of_the_c_library_are_left_alone(program: Path) -> None:
    """Its `stdout` and what else is its own is set up by each run."""
    (variables, memory, *_) = snapshot.Program(program.read_bytes()).variables()
    assert variables.address <= symbol(program, "changed") < variables.address + variables.in_memory
    assert memory.address == 0x10000000
    lines = output("nm", program).splitlines()
    (stdout,) = [int(line.split()[0], 16) for line in lines if line.split()[-1].startswith("stdout")]
    assert not variables.address <= stdout < variables.address + variables.in_memory


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


def found(begin: int, content: bytes) -> Iterator[tuple[int, int, str]]:
    return snapshot.foreign_words(begin, content, MAPS, OWN)


def test_addresses_of_other_things_are_told() -> None:
    content = words(0x400010, 0x7F0000000010, 5, 0x20000000, 0x7FFD00020FFF)
    assert list(found(0x10000000, content)) == [
        (0x10000008, 0x7F0000000010, "/lib/libc.so.6"),
        (0x10000018, 0x20000000, "[heap]"),
        (0x10000020, 0x7FFD00020FFF, "anonymous memory"),
    ]


@pytest.mark.parametrize("word", [0, 0x4FFFFF, 0x7F0000100000, 0x7FFD00021000, 2**64 - 1, 0x20021000])
def test_other_words_are_no_addresses(word: int) -> None:
    assert not list(found(0x10000000, words(word)))


def test_words_are_where_the_processor_wants_them() -> None:
    address = words(0x7F0000000010)
    assert [place for place, _, _ in found(0xA52210 + 3, b"\0" * 5 + address + b"\0")] == [0xA52218]
    assert not list(found(0x10000000, b"\0" * 4 + address + b"\0" * 4))


@pytest.mark.parametrize(
    "data", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(100), b"\x7fELF\x02\x02" + bytes(100)]
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(snapshot.SnapshotError, match="ELF"):
        snapshot.Program(data)


def test_program_that_fails_is_told(tmp_path: Path, program: Path) -> None:
    with pytest.raises(snapshot.SnapshotError, match="something else"):
        snapshot.take(program)  # it writes other things, and succeeds
    broken = tmp_path / "broken"
    broken.write_bytes(program.read_bytes())
    with pytest.raises(snapshot.SnapshotError, match="asking the program"):
        snapshot.take(broken)


def ask_with_heap_at(
    monkeypatch: pytest.MonkeyPatch, program: Path, content: bytes, *places: int
) -> tuple[snapshot.Program, Iterator[int]]:
    """Let the program write `content`, with its heap at the next of `places` each time; those left are returned."""
    elf = snapshot.Program(program.read_bytes())
    written = b"".join(words(part.address, len(content)) + content for part in elf.variables())
    left = iter(places)

    def ask(_program: Path) -> tuple[bytes, str]:
        begin = next(left)
        return written, f"{begin:08x}-{begin + 0x21000:08x} rw-p 00000000 00:00 0    [heap]\n"

    monkeypatch.setattr(snapshot, "_ask", ask)
    return elf, left


def test_text_that_looks_like_an_address_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    """Where the heap is, is random: the same program has the same snapshot all the same."""
    text = b"=IIQ\0\0\0\0"
    elf, left = ask_with_heap_at(monkeypatch, program, text, 0x51490000, 0x51480000, 0x30000000, 0x20000000)
    memory = snapshot._memory(program, elf)
    assert set(memory.values()) == {text} and next(left) == 0x20000000


def test_an_address_is_found_each_time(monkeypatch: pytest.MonkeyPatch, program: Path) -> None:
    elf, _ = ask_with_heap_at(monkeypatch, program, words(0x20000010), *[0x20000000] * 10)
    with pytest.raises(snapshot.SnapshotError, match=r"is 0x20000010, an address in \[heap\]"):
        snapshot._memory(program, elf)


def import_error(name: str, wanted: str) -> ImportError:
    error = ImportError("cannot import name", name=name)
    error.name_from = wanted  # type: ignore[attr-defined]  # Python sets it since 3.12
    return error


@pytest.mark.parametrize(
    ("error", "is_not_here"),
    [
        (import_error("importlib", "no_module_of_the_program"), True),
        (import_error("importlib", "machinery"), False),  # frozen: its own code, or a circle of imports
        (import_error("posix", "opeen"), False),  # posix is no package
        (import_error("no_such_module", "x"), False),
        (ImportError("without a name"), False),
    ],
    ids=["another module", "frozen", "misspelled", "not loaded", "no name"],
)
def test_only_what_is_not_in_the_program_is_left_out_of_a_snapshot(error: ImportError, is_not_here: bool) -> None:
    assert boot._is_not_here(error) == is_not_here
    assert boot._is_not_here(boot._NotHere("re is not for a snapshot", name="re"))


def test_the_versions_of_python_are_those_that_ci_runs_and_the_document_names() -> None:
    """Private names of CPython are used: a version that nobody runs may do anything."""
    versions = [f"{major}.{minor}" for major, minor in build_program.SNAPSHOT_VERSIONS]
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert re.findall(r'python: "([0-9.]+)"', workflow) == versions, "the job snapshot of .github/workflows/ci.yml"
    words = " ".join((ROOT / "docs/architecture.md").read_text().split())
    assert f"x86_64, {' and '.join(versions)} so far" in words, "docs/architecture.md, The snapshot"
