"""Many containers, at once and in a row, leave nothing behind; hack/load is the same with larger numbers."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers import cgroup, fuzz, leaks
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime
from helpers.sandbox import MARK

pytestmark = [pytest.mark.alone, pytest.mark.thorough]

CALLERS = 8
LIVES = 24
CYCLES = 60
GROWTH = 4 << 10  # KiB by which this process may grow: Python's own arenas


def bundle_for(name: str, bundle: Bundle, place: Path) -> Path:
    """A bundle folder of its own with the rootfs of `bundle`, which no container of these writes to."""
    folder = place / f"bundle-{name}"
    folder.mkdir()
    config = json.loads(json.dumps(bundle.config))
    config["root"] = {"path": str(bundle.rootfs), "readonly": True}
    config["linux"]["cgroupsPath"] = f"/{MARK}/{name}"
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def life(runtime: Runtime, name: str, folder: Path) -> None:
    runtime.expect("create", "--bundle", str(folder), name)
    runtime.expect("start", name)
    assert runtime.exec(name, "/bin/sh", "-c", "exit 7").status == 7
    runtime.expect("kill", name, "KILL")
    deadline = time.monotonic() + TIME_LIMIT
    while runtime.state(name)["status"] != "stopped":
        assert time.monotonic() < deadline, f"{name} has not stopped"
        time.sleep(0.01)
    runtime.expect("delete", name)


def resident() -> int:
    """KiB of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 10


def left(runtime: Runtime) -> dict[str, list[str]]:
    entries = sorted(os.listdir(runtime.root)) if runtime.root.exists() else []
    return {
        "states": [name for name in entries if not name.startswith("@")],
        "cgroups": [str(group) for group in cgroup.named(MARK) if group.name != MARK],
        "processes": [str(pid) for pid in leaks.children()],
        "mounts": sorted(leaks.mount_points()),
        "descriptors": sorted(fuzz.descriptors()),
    }


def test_lives_at_once(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.process["args"] = ["/bin/sleep", "1000"]
    names = [f"{runtime.new_id()}-{number}" for number in range(LIVES)]
    folders = {name: bundle_for(name, bundle, scratch) for name in names}
    runtime.known.update(dict.fromkeys(names))
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda name: life(runtime, name, folders[name]), names[:CALLERS]))
        before, memory = left(runtime), resident()
        list(pool.map(lambda name: life(runtime, name, folders[name]), names[CALLERS:]))
        assert left(runtime) == before
        assert resident() < memory + GROWTH
    assert not before["states"]
    assert not before["cgroups"]
    runtime.known.clear()


def test_cycles_in_a_row(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    name = runtime.new_id()
    folder = bundle_for(name, bundle, scratch)
    before = memory = None
    for number in range(CYCLES):
        runtime.expect("create", "--bundle", str(folder), name)
        runtime.expect("delete", "--force", name)
        if number == 3:
            before, memory = left(runtime), resident()
    assert before is not None
    assert memory is not None
    assert left(runtime) == before
    assert resident() < memory + GROWTH
    assert not before["states"]
    assert not before["cgroups"]
