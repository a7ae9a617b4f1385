"""CVE-2025-27612 (youki): `exec` without capabilities of its own gets all of the runtime's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

PRINT = ["grep", "-h", "^Cap", "/proc/self/status"]


def masks(text: str) -> set[int]:
    return {int(line.split()[1], 16) for line in text.splitlines()}


@pytest.mark.parametrize("capabilities", [None, {}, {"bounding": []}])
def test_a_process_without_any(
    runtime: Runtime, bundle: Bundle, scratch: Path, capabilities: dict[str, list[str]] | None
) -> None:
    """Where the file does not name them it gets the container's, as with runc, and never more."""
    bundle.sleeps()
    container = runtime.start(bundle)
    process = bundle.process | {"args": PRINT}
    del process["capabilities"]
    if capabilities is not None:
        process["capabilities"] = capabilities
    (scratch / "process.json").write_text(json.dumps(process))
    found = masks(runtime.expect("exec", "--process", str(scratch / "process.json"), container.id).stdout)
    assert found == ({0} if capabilities is not None else masks(container.exec(*PRINT).stdout))


def test_a_container_without_any(runtime: Runtime, bundle: Bundle) -> None:
    del bundle.process["capabilities"]
    bundle.sleeps()
    container = runtime.start(bundle)
    assert masks(container.exec(*PRINT).stdout) == {0}
    # `--cap` adds this one and no other
    output = runtime.expect("exec", "--cap", "CAP_KILL", container.id, *PRINT).stdout
    assert masks(output) == {0, 1 << 5}
