"""CVE-2022-27650: `exec` runs with inheritable capabilities that the container does not have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Container, Runtime

SETS = ("bounding", "effective", "permitted")


@pytest.fixture
def container(runtime: Runtime, bundle: Bundle) -> Container:
    bundle.process["capabilities"] = {kind: ["CAP_KILL", "CAP_CHOWN"] for kind in SETS}
    bundle.sh("grep -h ^Cap /proc/self/status; trap 'exit 0' TERM; while :; do sleep 0.02; done")
    return runtime.start(bundle)


def own(container: Container) -> str:
    return "".join(line for line in container.proc("status").splitlines(keepends=True) if line.startswith("Cap"))


def test_the_sets_are_the_containers(container: Container) -> None:
    result = container.exec("grep", "-h", "^Cap", "/proc/self/status")
    assert result.stdout == own(container)
    assert "CapInh:\t0000000000000000" in result.stdout


@pytest.mark.parametrize("uid", [0, 1000])
def test_a_process_file_gets_what_it_asks_for(runtime: Runtime, container: Container, scratch: Path, uid: int) -> None:
    process = container.bundle.process | {
        "args": ["grep", "-h", "^Cap", "/proc/self/status"],
        "user": {"uid": uid, "gid": uid},
        "capabilities": {kind: ["CAP_KILL"] for kind in SETS},
    }
    (scratch / "process.json").write_text(json.dumps(process))
    output = runtime.expect("exec", "--process", str(scratch / "process.json"), container.id).stdout
    found = {line.split(":\t")[0]: int(line.split(":\t")[1], 16) for line in output.splitlines()}
    assert found["CapInh"] == found["CapAmb"] == 0
    assert found["CapBnd"] == 1 << 5
    assert found["CapEff"] == found["CapPrm"] == (1 << 5 if uid == 0 else 0)
