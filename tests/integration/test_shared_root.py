"""A state root that several runtimes have: containerd and docker give all runtimes of one namespace the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import TIME_LIMIT, Runtime

pytestmark = pytest.mark.beyond_runc("asks what pyoci does beside it")


class Other:
    """A container of another runtime, which runs."""

    def __init__(self, program: str, root: Path, bundle: Bundle) -> None:
        self.program, self.root, self.id = program, root, f"other-{bundle.path.name}"
        bundle.sleeps()
        bundle.config["ociVersion"] = "1.0.2"  # Debian's crun takes no later one
        bundle.linux.pop("resources", None)
        bundle.write()
        self.call("create", "--bundle", str(bundle.path), self.id)
        self.call("start", self.id)

    def call(self, *words: str) -> str:
        command = [self.program, "--root", str(self.root), *words]
        with tempfile.TemporaryFile() as said:  # no pipe, which the container would hold open
            status = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, timeout=TIME_LIMIT
            ).returncode
            said.seek(0)
            text = said.read().decode()
        assert status == 0, text
        return text

    @property
    def status(self) -> str:
        return str(json.loads(self.call("state", self.id))["status"])


@pytest.fixture(params=["runc", "crun"])
def other(request: pytest.FixtureRequest, runtime: Runtime, bundle: Bundle) -> Iterator[Other]:
    program = shutil.which(request.param)
    if program is None:
        pytest.skip(f"{request.param} is not installed")
    runtime.root.mkdir(exist_ok=True)
    try:
        container = Other(program, runtime.root, bundle)
    except AssertionError as refusal:
        pytest.skip(f"{request.param} runs no container here: {str(refusal)[:300]}")
    yield container
    container.call("delete", "--force", container.id)


def test_its_container_is_not_pyocis_to_show(runtime: Runtime, other: Other) -> None:
    for words in (["list"], ["list", "--format", "json"], ["list", "--quiet"]):
        result = runtime.expect(*words)
        assert other.id not in result.stdout
        assert result.stderr == ""


@pytest.mark.parametrize(
    "words",
    [
        ["state", "ID"],
        ["kill", "ID", "KILL"],
        ["delete", "ID"],
        ["delete", "--force", "ID"],
        ["exec", "ID", "/bin/true"],
        ["ps", "ID"],
        ["update", "--pids-limit", "7", "ID"],
    ],
    ids=" ".join,
)
def test_its_container_is_left_alone(runtime: Runtime, other: Other, words: list[str]) -> None:
    """And nobody is advised to remove it."""
    said = runtime.fails(*(other.id if word == "ID" else word for word in words))
    assert "another runtime made this container" in said
    assert "--force" not in said
    assert other.status == "running"


def test_its_name_is_taken(runtime: Runtime, other: Other, new_bundle: Callable[[], Bundle]) -> None:
    second = new_bundle()
    second.write()
    assert "already exists" in runtime.fails("create", "--bundle", str(second.path), other.id)
    assert other.status == "running"


def test_pyocis_container_does_not_end_its_list(
    runtime: Runtime, other: Other, new_bundle: Callable[[], Bundle]
) -> None:
    second = new_bundle()
    second.sleeps()
    container = runtime.start(second)
    assert other.id in other.call("list")
    assert container.status == "running"
