"""A program whose Python counts references copies its objects into one huge page (launcher/snapshot/huge_page.c)."""

from __future__ import annotations

import ctypes
import mmap
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.program import has_snapshot, snapshot
from helpers.runtime import Runtime, until

SIZE = 2 << 20
PR_SET_THP_DISABLE = 41


@pytest.fixture
def objects(runtime: Runtime) -> int:
    """The address of the objects in the snapshot of the program."""
    if not runtime.is_pyoci:
        pytest.skip("asks how pyoci is made")
    if not has_snapshot(runtime.command[0]):
        pytest.skip("this Python's library allows for no snapshot")
    told = runtime.expect("--version").stdout
    if not re.search(r"^python: 3\.11\.", told, re.MULTILINE):
        pytest.skip("from Python 3.12 on, no use of an object writes to it")
    part = snapshot.Program(Path(runtime.command[0]).read_bytes()).variables()[-1]
    assert part.in_file >= SIZE and part.address % SIZE == 0, "the objects fill a huge page, and begin at one"
    return part.address


@pytest.fixture
def mapping(runtime: Runtime, bundle: Bundle, objects: int) -> Callable[..., str]:
    def look(preexec: Callable[[], None] | None = None) -> str:
        """What proc_pid_smaps(5) says of the objects in a `run` that waits for its container."""
        bundle.sleeps()
        name = runtime.add(bundle)
        process = runtime.quietly("run", "--bundle", str(bundle.path), name, preexec=preexec)
        until(lambda: runtime.call("state", name).status == 0 and runtime.state(name)["status"] == "running", "it runs")
        maps = Path(f"/proc/{process.pid}/smaps").read_text()
        (found,) = re.findall(rf"^{objects:08x}-.*\n(?:[A-Z].*\n)*", maps, re.MULTILINE)
        runtime.expect("kill", name, "KILL")
        process.wait()
        return str(found)

    return look


def test_objects_are_in_one_huge_page(mapping: Callable[..., str]) -> None:
    if not gives_one():
        pytest.skip("the kernel has no transparent huge pages, may not use them, or has none free")
    found = mapping()
    assert re.search(rf"^Size: +{SIZE // 1024} kB", found, re.MULTILINE)
    assert "/" not in found.splitlines()[0]


def gives_one() -> bool:
    """Whether the kernel gives this process a huge page."""

    def count() -> int:
        (size,) = re.findall(r"^AnonHugePages: +(\d+) kB", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
        return int(size)

    before = count()
    with mmap.mmap(-1, 2 * SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as room:
        try:
            room.madvise(mmap.MADV_HUGEPAGE)
        except OSError:  # a kernel without them
            return False
        room.write(bytes(2 * SIZE))
        return count() > before


def test_without_huge_pages_objects_are_pages_of_the_file(mapping: Callable[..., str]) -> None:
    libc = ctypes.CDLL(None)
    found = mapping(preexec=lambda: libc.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
    assert "/" in found.splitlines()[0]
    assert re.search(r"^AnonHugePages: +0 kB", found, re.MULTILINE)
